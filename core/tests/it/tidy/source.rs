//! A Rust file as the rules see it: for each line what is code and what is comment.

/// One line, split.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The code, with the contents of strings blanked out.
    pub(super) code: String,
    /// The text of its comments, markers included.
    pub(super) comment: String,
    /// How many columns the line has.
    pub(super) columns: usize,
    /// Whether it holds (a part of) a string.
    pub(super) has_string: bool,
}

/// A file, by its path from the workspace's root.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) lines: Vec<Line>,
}

/// What the splitter is inside of.
#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: u32 },
    Text,
    RawText { hashes: usize },
}

impl Source {
    /// Splits the text of a file.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let mut inside = Inside::Code;
        let mut lines = Vec::new();
        for raw in text.lines() {
            if matches!(inside, Inside::LineComment) {
                inside = Inside::Code;
            }
            let mut line = Line { columns: raw.chars().count(), ..Line::default() };
            inside = split(raw, inside, &mut line);
            lines.push(line);
        }
        Self { path: path.to_owned(), lines }
    }

    /// The file's name without its extension; of a `mod.rs`, its folder's.
    pub(super) fn stem(&self) -> &str {
        let mut parts = self.path.rsplit('/');
        match parts.next().unwrap_or("") {
            "mod.rs" | "lib.rs" | "main.rs" => parts.next().unwrap_or(""),
            name => name.trim_end_matches(".rs"),
        }
    }

    /// The name of the folder that the file's module belongs to.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit('/').nth(1).unwrap_or("")
    }

    /// Whether it is a test or an example, which have fewer rules: neither is part of what is shipped.
    pub(super) fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        parts.contains(&"tests") || parts.contains(&"examples") || parts.last() == Some(&"tests.rs")
    }
}

/// Splits one line; returns what its end is inside of.
fn split(raw: &str, mut inside: Inside, line: &mut Line) -> Inside {
    let chars: Vec<char> = raw.chars().collect();
    let mut at = 0;
    line.has_string = matches!(inside, Inside::Text | Inside::RawText { .. });
    while at < chars.len() {
        let rest = &chars[at..];
        let step = match inside {
            Inside::LineComment => {
                line.comment.extend(rest);
                rest.len()
            }
            Inside::BlockComment { depth } => {
                let (taken, depth) = block_comment(rest, depth);
                line.comment.extend(&rest[..taken]);
                inside = if depth == 0 { Inside::Code } else { Inside::BlockComment { depth } };
                taken
            }
            Inside::Text if rest[0] == '\\' => 2,
            Inside::Text => {
                if rest[0] == '"' {
                    inside = Inside::Code;
                    line.code.push('"');
                }
                1
            }
            Inside::RawText { hashes } => {
                if rest[0] == '"' && rest[1..].iter().take_while(|c| **c == '#').count() >= hashes {
                    inside = Inside::Code;
                    line.code.push('"');
                    1 + hashes
                } else {
                    1
                }
            }
            Inside::Code => {
                let (taken, next) = code(rest, line);
                inside = next;
                taken
            }
        };
        at += step;
    }
    inside
}

/// Takes one piece of code, or the mark that ends it.
fn code(rest: &[char], line: &mut Line) -> (usize, Inside) {
    let after_word = line.code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    match rest {
        ['/', '/', ..] => (0, Inside::LineComment),
        ['/', '*', ..] => {
            line.comment.push_str("/*");
            (2, Inside::BlockComment { depth: 1 })
        }
        ['"', ..] => {
            line.has_string = true;
            line.code.push('"');
            (1, Inside::Text)
        }
        ['r', tail @ ..] | ['b' | 'c', 'r', tail @ ..] if !after_word => {
            let hashes = tail.iter().take_while(|c| **c == '#').count();
            if tail.get(hashes) == Some(&'"') {
                line.has_string = true;
                line.code.push('"');
                (rest.len() - tail.len() + hashes + 1, Inside::RawText { hashes })
            } else {
                line.code.push(rest[0]);
                (1, Inside::Code)
            }
        }
        // A character, or a lifetime, which has no closing mark.
        ['\'', '\\', ..] => {
            let end = rest.iter().skip(3).position(|c| *c == '\'').map_or(rest.len(), |n| n + 4);
            (end, Inside::Code)
        }
        ['\'', _, '\'', ..] => (3, Inside::Code),
        _ => {
            line.code.push(rest[0]);
            (1, Inside::Code)
        }
    }
}

/// How many characters of a block comment there are up to its next mark, and how deep it is then.
fn block_comment(rest: &[char], depth: u32) -> (usize, u32) {
    match rest {
        ['*', '/', ..] => (2, depth - 1),
        ['/', '*', ..] => (2, depth + 1),
        _ => (1, depth),
    }
}

/// The words of a line of code: identifiers and numbers.
pub(super) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}
