//! Labs in Markdown: fenced code blocks whose first word is `everyhop`.

/// A fenced block's text and the 1-based line of its opening fence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    pub fence_line: usize,
    pub text: String,
}

struct Fence {
    mark: char,
    len: usize,
    indent: usize,
}

/// The blocks that are labs, in order. One that is never closed reaches to the end, as Markdown has it.
pub(crate) fn labs(markdown: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(Fence, Option<Block>)> = None;
    for (index, line) in markdown.lines().enumerate() {
        match &mut open {
            None => {
                if let Some((fence, info)) = opening(line) {
                    let is_lab = info.split_whitespace().next() == Some("everyhop");
                    let block = Block { fence_line: index + 1, text: String::new() };
                    open = Some((fence, is_lab.then_some(block)));
                }
            }
            Some((fence, block)) => {
                if closes(fence, line) {
                    found.extend(block.take());
                    open = None;
                } else if let Some(block) = block {
                    let spaces = line.len() - line.trim_start_matches(' ').len();
                    block.text.push_str(&line[spaces.min(fence.indent)..]);
                    block.text.push('\n');
                }
            }
        }
    }
    found.extend(open.and_then(|(_, block)| block));
    found
}

fn opening(line: &str) -> Option<(Fence, &str)> {
    let text = line.trim_start_matches(' ');
    let mark = text.chars().next().filter(|it| matches!(it, '`' | '~'))?;
    let info = text.trim_start_matches(mark);
    let len = text.len() - info.len();
    let is_fence = len >= 3 && !(mark == '`' && info.contains('`'));
    is_fence.then_some((Fence { mark, len, indent: line.len() - text.len() }, info))
}

fn closes(fence: &Fence, line: &str) -> bool {
    let text = line.trim();
    text.len() >= fence.len && text.chars().all(|it| it == fence.mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_marked_everyhop_are_labs() {
        let text = "# A\n\n```yaml\nkind: Pod\n```\n\n```everyhop\nkind: Lab\n```\n";
        assert_eq!(labs(text), [Block { fence_line: 7, text: "kind: Lab\n".into() }]);
    }

    #[test]
    fn a_fence_closes_by_its_own_mark_and_length() {
        let text = "````everyhop title\na: \"```\"\n```\n````\n~~~everyhop\nb: 1\n```\n~~~\n";
        let found: Vec<String> = labs(text).into_iter().map(|it| it.text).collect();
        assert_eq!(found, ["a: \"```\"\n```\n", "b: 1\n```\n"]);
    }

    #[test]
    fn an_indented_block_loses_its_fences_indent() {
        let text = "1. x\n\n   ```everyhop\n   a:\n     b: 1\n   ```\n";
        assert_eq!(labs(text), [Block { fence_line: 3, text: "a:\n  b: 1\n".into() }]);
    }

    #[test]
    fn a_block_that_is_never_closed_reaches_to_the_end() {
        assert_eq!(labs("```everyhop\na: 1"), [Block { fence_line: 1, text: "a: 1\n".into() }]);
    }
}
