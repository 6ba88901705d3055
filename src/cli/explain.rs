//! `flow explain CODE`: the book's page about a code. Without a code: all of them.

use std::fmt::Write as _;
use std::io::Write as _;

use super::Exit;
use super::open::{self, Terminal};
use super::options::ExplainOptions;
use crate::lang::nearest;
use crate::ui::{Role, Style};

/// The book's chapters about codes, in the order of the work: text, names, files, slips.
const CHAPTERS: [&str; 5] = [
    include_str!("../../book/src/codes/text.md"),
    include_str!("../../book/src/codes/recipes.md"),
    include_str!("../../book/src/codes/names.md"),
    include_str!("../../book/src/codes/files.md"),
    include_str!("../../book/src/codes/lints.md"),
];

/// What there is to say about one code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    pub code: &'static str,
    /// What it means, in a few words.
    pub title: &'static str,
    /// Markdown, without the title.
    pub text: &'static str,
}

/// A chapter's title and its pages.
fn chapter(text: &'static str) -> (&'static str, impl Iterator<Item = Page>) {
    let mut sections = text.split("\n## ");
    let head = sections.next().unwrap_or("");
    let title = head.lines().next().unwrap_or("");
    let pages = sections.filter_map(|section| {
        let (line, text) = section.split_once('\n')?;
        let (code, title) = line.split_once(": ")?;
        Some(Page {
            code,
            title,
            text: text.trim(),
        })
    });
    (title.trim_start_matches("# Codes: "), pages)
}

/// Every page.
pub fn pages() -> impl Iterator<Item = Page> {
    CHAPTERS.into_iter().flat_map(|text| chapter(text).1)
}

/// The page of a code, in whatever case it was typed; or a sentence about what was meant.
pub fn find(code: &str) -> Result<Page, String> {
    let code = code.to_ascii_uppercase();
    if let Some(page) = pages().find(|page| page.code == code) {
        return Ok(page);
    }
    let near = nearest(&code, pages().map(|page| page.code));
    Err(match near {
        Some(near) => format!("there is no such code; did you mean `{near}`?"),
        None => "there is no such code; `flow explain` lists all".into(),
    })
}

pub fn explain(options: ExplainOptions) -> anyhow::Result<Exit> {
    let style = Terminal::new(&options.common).out;
    open::change_folder(&options.common)?;
    let mut text = String::new();
    if options.pages.is_empty() {
        list(&mut text, style);
    }
    for (at, page) in options.pages.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        show(&mut text, page, style);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Exit::Done)
}

fn list(out: &mut String, style: Style) {
    for (at, text) in CHAPTERS.into_iter().enumerate() {
        let (title, pages) = chapter(text);
        let gap = if at > 0 { "\n" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{gap}{}", style.paint(Role::Strong, capital(title)));
        for page in pages {
            let _ = writeln!(out, "  {}  {}", page.code, plain(page.title));
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// A title as a line of its own; what the Markdown fences hold is indented instead.
fn show(out: &mut String, page: &Page, style: Style) {
    let title = format!("{}: {}", page.code, plain(page.title));
    let _ = writeln!(out, "{}\n", style.paint(Role::Strong, title));
    let mut is_code = false;
    for line in page.text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code && !line.is_empty() {
            let _ = writeln!(out, "    {line}");
        } else if matches!(line, "Wrong:" | "Right:") {
            let _ = writeln!(out, "{}", style.paint(Role::Strong, line));
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
}

/// Backticks around a placeholder are Markdown's need, not the reader's of a title.
fn plain(title: &str) -> String {
    title.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_its_code() {
        assert_eq!(find("e0103").unwrap().title, "the arrow");
        let wrong = find("E0100").unwrap_err();
        assert!(wrong.contains("did you mean `E0101`?"), "{wrong}");
        assert!(find("hello").unwrap_err().contains("lists all"));
    }

    #[test]
    fn every_page_has_a_title_and_a_text() {
        let mut codes: Vec<&str> = pages().map(|page| page.code).collect();
        let n_pages = codes.len();
        for page in pages() {
            assert!(page.code.len() == 5 && !page.title.is_empty(), "{page:?}");
            assert!(page.text.len() > 40, "{page:?}");
        }
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), n_pages, "a code has two pages");
        let headings = CHAPTERS.iter().flat_map(|text| text.match_indices("\n## "));
        assert_eq!(headings.count(), n_pages, "a heading is no page");
    }
}
