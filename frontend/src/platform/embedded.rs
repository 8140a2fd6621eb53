//! The element in somebody's page that a lab is shown in: what it is asked, and what it is told.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{CustomEvent, Element};

use super::Guard;
use crate::embed::{self, Embedded, Props};
use crate::state::Session;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = everyhopParts, js_name = tell)]
    fn tell(root: &Element, json: &str);

    #[wasm_bindgen(js_namespace = everyhopParts, js_name = bytes)]
    fn hand_over(root: &Element, bytes: &[u8]);
}

/// Comes with what is asked, as its detail.
const COMMAND: &str = "everyhop-do";

/// The place in the element's shadow where the lab stands.
#[derive(Clone, PartialEq)]
pub struct Host(Element);

impl Host {
    /// Calls back with each command.
    pub fn on_command(&self, call: impl Fn(String) + 'static) -> Guard {
        let listener = EventListener::new(self.0.as_ref(), COMMAND, move |event| {
            let detail = event.dyn_ref::<CustomEvent>().and_then(|it| it.detail().as_string());
            if let Some(text) = detail {
                call(text);
            }
        });
        listener.into()
    }

    /// Tells the element something, as JSON.
    pub fn tell(&self, json: &str) {
        tell(&self.0, json);
    }

    /// Hands over the capture of a session's run.
    pub fn capture(&self, session: &Session) {
        let Some(shown) = &session.shown else { return };
        let run = &shown.run;
        hand_over(&self.0, &everyhop_engine::export::pcapng(&run.end, &run.trace, &run.story));
    }
}

/// Draws a lab in its host.
pub fn render(props: Props) {
    yew::Renderer::<Embedded>::with_root_and_props(props.host.0.clone(), props).render();
}

/// Shows a lab in an element: `wanted` as an address says it, `yaml` the lab's own text where it is no lesson.
#[wasm_bindgen(js_name = everyhopEmbed)]
pub fn everyhop_embed(root: Element, wanted: &str, yaml: Option<String>) {
    embed::mount(Host(root), wanted, yaml);
}
