//! Labs in pages: fenced code blocks of Markdown whose first word is `everyhop`, and `<every-hop>` elements, in Markdown and in
//! HTML. Knows where they stand and what their authors wrote there, not whether it is true.

use std::collections::BTreeMap;
use std::ops::Range;

use html5gum::emitters::default::{DefaultEmitter, StartTag, Token};
use html5gum::{HtmlString, Spanned, Tokenizer};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A lab in a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Embed {
    /// The 1-based line of the fence or of the element's tag.
    pub line: usize,
    pub lab: Source,
    /// What else is written there: `step`, `expect` and so on.
    pub says: BTreeMap<String, String>,
    /// Its bytes in the page: from the fence to the fence, from tag to tag.
    pub range: Range<usize>,
    /// Its author put nothing there for readers without scripts.
    pub is_bare: bool,
}

/// Where an embed's lab comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// It stands in the page, after its first `lines_before` lines.
    Here { text: String, lines_before: usize },
    /// One of the lessons.
    Lesson(String),
    /// A file, as the page names it.
    File(String),
    /// The element names none.
    Nothing,
}

/// The embeds of a Markdown file, in order.
pub(crate) fn in_markdown(text: &str) -> Vec<Embed> {
    let mut found = Vec::new();
    // What is code is no element.
    let mut html = text.as_bytes().to_vec();
    let mut hide = |range: Range<usize>| {
        for byte in html[range].iter_mut().filter(|it| **it != b'\n') {
            *byte = b' ';
        }
    };
    let mut open: Option<Embed> = None;
    for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                open = fence(&kind, line_of(text, range.start), range.clone());
                hide(range);
            }
            Event::Text(piece) => {
                if let Some(Embed { lab: Source::Here { text, .. }, .. }) = &mut open {
                    text.push_str(&piece);
                }
            }
            Event::End(TagEnd::CodeBlock) => found.extend(open.take()),
            Event::Code(_) => hide(range),
            _ => {}
        }
    }
    found.extend(in_html(&String::from_utf8_lossy(&html)));
    found.sort_by_key(|embed| embed.line);
    found
}

/// The block of a fence that opens in `line`, if it is a lab.
fn fence(kind: &CodeBlockKind<'_>, line: usize, range: Range<usize>) -> Option<Embed> {
    let CodeBlockKind::Fenced(info) = kind else { return None };
    let info = info.trim();
    let (word, rest) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
    let lab = Source::Here { text: String::new(), lines_before: line };
    let says = attributes(rest);
    (word == "everyhop").then_some(Embed { line, lab, says, range, is_bare: true })
}

/// `step=7 expect="refused; status 404"`, by HTML's own rules.
fn attributes(text: &str) -> BTreeMap<String, String> {
    let tag = format!("<a {text}>");
    let tokens = Tokenizer::new_with_emitter(&tag, DefaultEmitter::<usize>::new_with_span());
    let tags = tokens.flatten().filter_map(|token| match token {
        Token::StartTag(tag) => Some(said(&tag)),
        _ => None,
    });
    tags.last().unwrap_or_default()
}

fn said(tag: &StartTag<usize>) -> BTreeMap<String, String> {
    let text = |it: &HtmlString| String::from_utf8_lossy(it).into_owned();
    let pair =
        |(name, value): (&HtmlString, &Spanned<HtmlString, usize>)| (text(name), text(value));
    tag.attributes.iter().map(pair).collect()
}

/// The embeds of an HTML file, in order.
pub(crate) fn in_html(text: &str) -> Vec<Embed> {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    // A script's text has no tags.
    emitter.naively_switch_states(true);
    let mut found: Vec<Embed> = Vec::new();
    let (mut inside, mut in_yaml) = (false, false);
    for token in Tokenizer::new_with_emitter(text, emitter).flatten() {
        match token {
            Token::StartTag(tag) if &**tag.name == b"every-hop" => {
                let range = tag.span.start..tag.span.end;
                found.push(element(said(&tag), line_of(text, range.start), range));
                inside = true;
            }
            Token::EndTag(tag) if &**tag.name == b"every-hop" => {
                if let Some(embed) = found.last_mut().filter(|_| inside) {
                    embed.range.end = tag.span.end;
                }
                inside = false;
            }
            Token::StartTag(tag) if inside && &**tag.name == b"script" => {
                in_yaml = said(&tag).get("type").is_some_and(|it| it == "application/yaml");
            }
            Token::String(yaml) if in_yaml => {
                if let Some(embed) = found.last_mut() {
                    let lines_before = line_of(text, yaml.span.start) - 1;
                    let text = String::from_utf8_lossy(&yaml).into_owned();
                    embed.lab = Source::Here { text, lines_before };
                }
            }
            Token::EndTag(_) if in_yaml => in_yaml = false,
            Token::StartTag(_) if inside => {
                if let Some(embed) = found.last_mut() {
                    embed.is_bare = false;
                }
            }
            _ => {}
        }
    }
    found
}

fn element(mut says: BTreeMap<String, String>, line: usize, range: Range<usize>) -> Embed {
    let lab = match (says.remove("src"), says.remove("lesson")) {
        (Some(file), _) => Source::File(file),
        (None, Some(lesson)) => Source::Lesson(lesson),
        (None, None) => Source::Nothing,
    };
    Embed { line, lab, says, range, is_bare: true }
}

/// The 1-based line of a place.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each lab is, and its text.
    fn labs(markdown: &str) -> Vec<(usize, String)> {
        let text = |lab| match lab {
            Source::Here { text, lines_before } => format!("{lines_before}: {text}"),
            other => format!("{other:?}"),
        };
        in_markdown(markdown).into_iter().map(|it| (it.line, text(it.lab))).collect()
    }

    #[test]
    fn only_blocks_marked_everyhop_are_labs() {
        let text = "# A\n\n```yaml\nkind: Pod\n```\n\n```everyhop\nkind: Lab\n```\n";
        assert_eq!(labs(text), [(7, "7: kind: Lab\n".into())]);
    }

    #[test]
    fn a_fence_closes_by_its_own_mark_and_length() {
        let text = "````everyhop\na: \"```\"\n```\n````\n~~~everyhop\nb: 1\n```\n~~~\n";
        assert_eq!(labs(text), [(1, "1: a: \"```\"\n```\n".into()), (5, "5: b: 1\n```\n".into())]);
    }

    #[test]
    fn an_indented_block_loses_its_fences_indent() {
        let text = "1. x\n\n   ```everyhop\n   a:\n     b: 1\n   ```\n";
        assert_eq!(labs(text), [(3, "3: a:\n  b: 1\n".into())]);
    }

    #[test]
    fn a_block_that_is_never_closed_reaches_to_the_end() {
        assert_eq!(labs("```everyhop\na: 1"), [(1, "1: a: 1".into())]);
    }

    #[test]
    fn a_fence_says_more_after_its_first_word() {
        let found = in_markdown("```everyhop step=7 expect=\"refused; status 404\"\na: 1\n```\n");
        let says = [("expect", "refused; status 404"), ("step", "7")];
        assert_eq!(found[0].says, says.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    }

    #[test]
    fn an_element_names_its_lab_or_holds_it() {
        let text = "a\n\n<every-hop lesson=\"egress\" step='2'></every-hop>\n\n<every-hop SRC=lab.yaml>\n\n\
                    <every-hop>\n<script type=\"application/yaml\">\nkind: <Lab>\n</script></every-hop> <every-hop>\n";
        let found: Vec<(usize, Source)> =
            in_markdown(text).into_iter().map(|it| (it.line, it.lab)).collect();
        assert_eq!(
            found,
            [
                (3, Source::Lesson("egress".into())),
                (5, Source::File("lab.yaml".into())),
                (7, Source::Here { text: "\nkind: <Lab>\n".into(), lines_before: 7 }),
                (10, Source::Nothing),
            ]
        );
    }

    #[test]
    fn an_embed_reaches_from_its_beginning_to_its_end() {
        let text = "a\n\n```everyhop\nb: 1\n```\n\n<every-hop lesson=a>\n<img>\n</every-hop> c <every-hop lesson=b>";
        let parts: Vec<(&str, bool)> =
            in_markdown(text).iter().map(|it| (&text[it.range.clone()], it.is_bare)).collect();
        assert_eq!(
            parts,
            [
                ("```everyhop\nb: 1\n```", true),
                ("<every-hop lesson=a>\n<img>\n</every-hop>", false),
                ("<every-hop lesson=b>", true),
            ]
        );
    }

    #[test]
    fn an_element_in_code_is_none() {
        let text = "`<every-hop lesson=a>` and\n\n    <every-hop lesson=b>\n\n```html\n<every-hop lesson=c>\n```\n<!-- <every-hop lesson=d> -->\n";
        assert_eq!(in_markdown(text), []);
    }
}
