//! Everyhop's page: draws what the engine recorded, and says so plainly when its own code fails.
//!
//! `state` is the page as one value, without a browser. `layout` and `scene` turn a world and a playhead into plain
//! shapes; `svg` and `panels` show them, `picture` writes them as files. `app` is the page, `embed` a lab
//! within another's. `hooks` ties the session to the browser, which only `platform` names.

pub mod app;
pub mod embed;
pub mod hooks;
pub mod layout;
pub mod panels;
pub mod picture;
pub mod platform;
pub mod scene;
pub mod state;
pub mod svg;

use state::need::{Need, need_of};
use state::route::Route;

/// Puts the page on its mount point.
pub fn mount() {
    platform::install_crash_notice();
    platform::second::begin();
    // In another's page, labs are put into elements one by one.
    let Some(root) = platform::mount_point() else { return };
    platform::sight::begin();
    let render = move || {
        yew::Renderer::<app::App>::with_root(root).render();
    };
    match need_of(Route::parse(&platform::hash()).as_ref()) {
        Need::Nothing | Need::Soon => render(),
        // If it does not come, the page says so.
        Need::Now => platform::second::when_here(
            || {},
            move |here| {
                if !here {
                    platform::second::insist();
                }
                render();
            },
        ),
    }
}
