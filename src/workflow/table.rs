//! Tables: rows of captures without files, from a sample sheet or a list.

use bstr::BString;

use super::load::Loader;
use super::param::Content;
use super::scope::BUILT_IN;
use super::sheet::{self, Field};
use crate::lang::ast::{self, Value};
use crate::lang::{Diag, Span};
use crate::pattern::NameId;

crate::define_id!(
    /// A table.
    TableId
);

/// Rows whose columns are captures.
#[derive(Clone, Debug)]
pub struct SampleTable {
    pub name: String,
    /// The sheet's header, or the name of a list.
    pub span: Span,
    pub columns: Vec<NameId>,
    /// The sheet's name, where it is no list.
    pub sheet: Option<String>,
    /// As many cells in each as there are columns.
    pub rows: Vec<Vec<BString>>,
}

impl SampleTable {
    /// Whether no cell of a column has a `/` in it.
    pub fn is_flat(&self, column: NameId) -> bool {
        let Some(at) = self.columns.iter().position(|name| *name == column) else {
            return false;
        };
        !self.rows.iter().any(|row| row[at].contains(&b'/'))
    }
}

/// Reads a table. One that is wrong still has a name, so that its users are not blamed too.
pub(super) fn declare(loader: &mut Loader, name: &ast::Name, from: &Value) {
    let list = match loader.list_of(from) {
        Some(list) => list,
        None => return,
    };
    let shown = format!("{}{}", loader.prefix(), name.value);
    let mut table = SampleTable {
        name: shown,
        span: name.span,
        columns: Vec::new(),
        sheet: None,
        rows: Vec::new(),
    };
    match list {
        Content::List(items) => {
            table.columns = vec![column(loader, &name.value, name.span)];
            table.rows = items.into_iter().map(|item| vec![item]).collect();
        }
        Content::One(file) => read(loader, &mut table, &file.to_string(), from.span()),
        Content::Sources => {}
    }
    loader.add_table(&name.value, table);
}

fn column(loader: &mut Loader, name: &str, span: Span) -> NameId {
    if BUILT_IN.contains(&name) {
        loader.diags.push(
            Diag::error(
                "E0202",
                format!("`{name}` is a name that flow fills in itself"),
            )
            .at(span, "choose another name for this column"),
        );
    }
    loader.names().intern(name.as_bytes())
}

/// Reads a sheet into the table.
fn read(loader: &mut Loader, table: &mut SampleTable, file: &str, said: Span) {
    let Some((id, name, text)) = loader.read_text(file, said, "the sheet") else {
        return;
    };
    table.sheet = Some(name.clone());
    let rows = match sheet::rows(id, &text, sheet::separator(&name, &text)) {
        Ok(rows) => rows,
        Err(diag) => {
            loader.diags.push(*diag);
            return;
        }
    };
    let mut rows = rows.into_iter();
    let Some(header) = rows.next() else {
        loader.diags.push(
            Diag::error("E0271", format!("the sheet `{name}` has no header"))
                .at(said, "its first row must name the columns"),
        );
        return;
    };
    table.span = whole(&header);
    for (at, field) in header.iter().enumerate() {
        check_column(loader, &header[..at], field);
        let column = column(loader, &field.value, field.span);
        table.columns.push(column);
    }
    let mut is_told = false;
    for row in rows {
        if row.len() == header.len() {
            let cells = row.into_iter().map(|field| field.value.into());
            table.rows.push(cells.collect());
        } else if !is_told {
            // One of many: the rest is likely to be wrong in the same way.
            is_told = true;
            ragged(loader, &header, &row);
        }
    }
}

fn check_column(loader: &mut Loader, before: &[Field], field: &Field) {
    if field.value.trim().is_empty() {
        loader.diags.push(
            Diag::error("E0271", "a column has no name").at(field.span, "this field is empty"),
        );
    } else if let Some(first) = before.iter().find(|first| first.value == field.value) {
        loader.diags.push(
            Diag::error("E0278", format!("two columns are called `{}`", field.value))
                .at(field.span, "the second")
                .and(first.span, "the first"),
        );
    }
}

fn ragged(loader: &mut Loader, header: &[Field], row: &[Field]) {
    let fields = |n: usize| match n {
        1 => "one field".to_string(),
        n => format!("{n} fields"),
    };
    let wrong = format!("this row has {}", fields(row.len()));
    loader.diags.push(
        Diag::error("E0273", format!("{wrong}, the header {}", header.len()))
            .at(whole(row), wrong)
            .and(
                whole(header),
                format!("the header has {}", fields(header.len())),
            )
            .help("a field with a separator in it is quoted: \"a, b\""),
    );
}

fn whole(row: &[Field]) -> Span {
    let spans = row.iter().map(|field| field.span);
    spans.reduce(Span::to).unwrap_or_default()
}
