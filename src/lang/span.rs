//! Places in workflow text, and the texts themselves.

use std::sync::OnceLock;

use bstr::ByteSlice;

crate::define_id!(
    /// One file of workflow text.
    FileId
);

/// A range of bytes in one file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// From the start of `self` to the end of `last`, which is in the same file.
    pub fn to(self, last: Span) -> Span {
        Span {
            end: last.end.max(self.end),
            ..self
        }
    }
}

/// Something and where it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl Spanned<String> {
    pub fn as_str(&self) -> Spanned<&str> {
        Spanned {
            value: &self.value,
            span: self.span,
        }
    }
}

/// One file's name, as it is shown, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    /// Where each line but the first begins, once somebody asked: a run does for every job.
    lines: OnceLock<Vec<u32>>,
}

impl Source {
    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let newlines = self.text.as_bytes().find_iter("\n");
            newlines.map(|at| at as u32 + 1).collect()
        })
    }
}

/// Every file that was read, by [`FileId`].
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: crate::dense::Table<FileId, Source>,
}

impl Sources {
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.files.push(Source {
            name: name.into(),
            text: text.into(),
            lines: OnceLock::new(),
        })
    }

    /// All files that were read, in order.
    pub fn all(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.files.iter()
    }

    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file]
    }

    /// The text that `span` covers; clamped to what is there.
    pub fn text(&self, span: Span) -> &str {
        let text = &self.files[span.file].text;
        text.get(span.start as usize..span.end as usize)
            .unwrap_or("")
    }

    /// Line and column of the span's start, both from 1; the column counts characters.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let source = &self.files[span.file];
        let (text, lines) = (&source.text, source.lines());
        let before = &text.as_bytes()[..text.len().min(span.start as usize)];
        let line = lines.partition_point(|start| *start as usize <= before.len());
        let line_start = line.checked_sub(1).map_or(0, |at| lines[at] as usize);
        let column = String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1;
        (line + 1, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a", "ab\n\né c\n");
        let place = |start| {
            let span = Span {
                file,
                start,
                end: start,
            };
            sources.line_column(span)
        };
        let expected = [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)];
        assert_eq!([0, 1, 2, 3, 4].map(place), expected);
        assert_eq!(
            [6, 7, 8, 9, 90].map(place),
            [(3, 2), (3, 3), (3, 4), (4, 1), (4, 1)]
        );
    }
}
