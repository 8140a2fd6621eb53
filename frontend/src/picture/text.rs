//! Elements as the text of an SVG file. Leaves out what only a page can do: components, listeners, and attributes that
//! say that something can be pressed.

use yew::prelude::*;

/// Writes these elements. Text is escaped; what is no element and no text is left out.
pub(super) fn write(node: &Html, out: &mut String) {
    match node {
        Html::VTag(tag) => {
            out.push('<');
            out.push_str(tag.tag());
            for (name, value) in tag.attributes.iter() {
                let acts = matches!(name, "tabindex" | "aria-pressed") || value == "button";
                if !acts {
                    out.push_str(&format!(" {name}=\"{}\"", escaped(value)));
                }
            }
            out.push('>');
            if let Some(children) = tag.children() {
                write(children, out);
            }
            out.push_str(&format!("</{}>", tag.tag()));
        }
        Html::VText(text) => out.push_str(&escaped(&text.text)),
        Html::VList(list) => list.iter().for_each(|it| write(it, out)),
        Html::VComp(_) | Html::VPortal(_) | Html::VRef(_) | Html::VSuspense(_) | Html::VRaw(_) => {}
    }
}

/// As XML has it in text and in quoted attributes; what no XML file may hold is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
