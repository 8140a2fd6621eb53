//! Pictures of every lesson at three widths in both themes, in target/screenshots/, for people to look at.

use std::path::Path;

use crate::native::LESSONS;
use crate::page::{LAPTOP, PHONE, on_page};

const TABLET: (u32, u32) = (768, 1024);

#[test]
fn every_lesson_is_pictured_at_three_widths_in_both_themes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    on_page(|page| {
        for (lesson, ..) in LESSONS {
            for theme in ["light", "dark"] {
                // Where packets rest, not where they glide.
                page.prefer(&[
                    ("prefers-color-scheme", theme),
                    ("prefers-reduced-motion", "reduce"),
                ]);
                for size in [PHONE, TABLET, LAPTOP] {
                    page.size(size);
                    page.open(&format!("#/lesson/{lesson}"));
                    let middle = page.n_steps().div_ceil(2);
                    page.follow(&format!("#/lesson/{lesson}?step={middle}"));
                    page.is_at(middle);
                    page.browser
                        .keep_picture(&folder.join(format!("{lesson}-{}-{theme}.png", size.0)));
                }
            }
        }
    });
}
