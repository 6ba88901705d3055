//! Places in workflow text, and the texts themselves.

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

/// One file's name, as it is shown, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
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
        })
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
        let text = self.files[span.file].text.as_bytes();
        let before = &text[..text.len().min(span.start as usize)];
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1;
        (line, column)
    }
}
