//! Reads a line of attributes: `[cores 2, mem [4G, 8G], always]`.

use super::ast::{Attribute, Name, Value};
use super::cursor::Cursor;
use super::diag::Diag;
use super::names::{ATTRIBUTES, AttributeForm, attribute};
use super::nearest::nearest;
use super::values::{self, unclosed};
use super::word::{self, BRACKETS, Broken};

/// The attributes of the line at the cursor, which stands on the `[`. Unknown ones are reported
/// and left out.
pub(super) fn read(cursor: &mut Cursor, diags: &mut Vec<Diag>) -> Result<Vec<Attribute>, Broken> {
    let open = cursor.at;
    let mut attributes = Vec::new();
    cursor.at += 1;
    loop {
        cursor.skip_blanks();
        if cursor.is_done() {
            return Err(unclosed(cursor, open, "[", "]", diags));
        }
        if cursor.take("]") {
            return Ok(attributes);
        }
        if cursor.take(",") {
            continue;
        }
        let name = name(cursor, diags)?;
        let form = attribute(&name.value);
        let Some(values) = read_values(cursor, open, &name, form, diags)? else {
            continue;
        };
        let end = cursor.end_before() as u32;
        let Some(form) = form else {
            diags.push(unknown(&name));
            continue;
        };
        if check_count(&name, form, &values, diags) {
            attributes.push(Attribute {
                span: cursor.span(name.span.start as usize, end as usize),
                name,
                values,
            });
        }
    }
}

fn name(cursor: &mut Cursor, diags: &mut Vec<Diag>) -> Result<Name, Broken> {
    let at = cursor.at;
    if let Some(name) = cursor.take_name() {
        return Ok(name);
    }
    let token = cursor.until_blank();
    let token = token.trim_end_matches([',', ']']).len().max(1);
    diags.push(
        Diag::error("E0104", "an attribute's name is expected")
            .at(cursor.span(at, at + token), "no name")
            .help("a line of attributes looks like this: `[cores 2, retries 3]`"),
    );
    Err(Broken)
}

/// What follows an attribute's name, up to its comma. `None`: it is of no use, and reported.
fn read_values(
    cursor: &mut Cursor,
    open: usize,
    name: &Name,
    form: Option<&AttributeForm>,
    diags: &mut Vec<Diag>,
) -> Result<Option<Vec<Value>>, Broken> {
    let takes_command = matches!(name.value.as_str(), "check" | "then");
    let mut values: Vec<Value> = Vec::with_capacity(1);
    let mut is_usable = true;
    loop {
        cursor.skip_blanks();
        if cursor.is_done() {
            return Err(unclosed(cursor, open, "[", "]", diags));
        }
        if matches!(cursor.byte(), Some(b',' | b']')) {
            return Ok(is_usable.then_some(values));
        }
        let at = cursor.at;
        if values.is_empty() && cursor.byte() == Some(b'=') && !cursor.rest().starts_with("==") {
            cursor.at += 1;
            diags.push(
                Diag::error(
                    "E0129",
                    "an attribute's value follows its name, with no `=`",
                )
                .at(cursor.span(at, at + 1), "")
                .fix("leave the `=` out", cursor.span(at, at + 1), " "),
            );
            continue;
        }
        if takes_command
            && values.is_empty()
            && let Some(word) = word::read_command(cursor, diags)?
        {
            values.push(Value::Word(word));
            continue;
        }
        let is_full = form.is_some_and(|form| values.len() >= form.most);
        if is_full && attribute(name_at(cursor)).is_some() {
            let end = cursor.end_before();
            let next = name_at(cursor).len();
            diags.push(
                Diag::error("E0120", "a comma is missing between two attributes")
                    .at(cursor.span(at, at + next), "a second attribute begins here")
                    .fix("put a comma between them", cursor.span(end, end), ","),
            );
            return Ok(is_usable.then_some(values));
        }
        match values::read(cursor, BRACKETS, diags)? {
            Some(value) => {
                is_usable &= !is_glued_comparison(cursor, name, &value, diags);
                values.push(value);
            }
            None => return Err(unclosed(cursor, open, "[", "]", diags)),
        }
    }
}

/// The name that begins at the cursor, empty when none does.
fn name_at<'a>(cursor: &Cursor<'a>) -> &'a str {
    let rest = cursor.rest();
    &rest[..super::names::name_length(rest)]
}

/// `active_if PARAM=="x"` is one word, which would compare nothing.
fn is_glued_comparison(cursor: &Cursor, name: &Name, value: &Value, diags: &mut Vec<Diag>) -> bool {
    let span = value.span();
    let text = &cursor.text[span.start as usize..span.end as usize];
    let sides = text.split_once("==").filter(|_| text != "==");
    let (true, Some((left, right))) = (name.value == "active_if", sides) else {
        return false;
    };
    let fixed = format!("{left} == {right}");
    diags.push(
        Diag::error("E0129", "`==` stands between blanks")
            .at(span, "this is one word")
            .fix("put blanks around it", span, fixed.trim()),
    );
    true
}

fn unknown(name: &Name) -> Diag {
    let diag = Diag::error("E0114", format!("there is no attribute `{}`", name.value));
    let diag = diag.at(name.span, "unknown attribute");
    let names = ATTRIBUTES.iter().map(|form| form.name);
    match nearest(&name.value, names.clone()).or(other_tongue(&name.value)) {
        Some(meant) => diag.fix(format!("did you mean `{meant}`?"), name.span, meant),
        None => {
            let all: Vec<&str> = names.collect();
            diag.note(format!("attributes are: {}", all.join(" ")))
        }
    }
}

/// What other workflow languages call an attribute.
fn other_tongue(name: &str) -> Option<&'static str> {
    Some(match name {
        "threads" | "cpus" | "ncpus" => "cores",
        "memory" | "ram" | "mem_mb" => "mem",
        "runtime" | "walltime" | "timeout" => "time",
        "retry" | "attempts" => "retries",
        "temporary" => "temp",
        "follows" | "depends" => "after",
        "depfile" => "deps",
        "cwd" | "chdir" => "workdir",
        _ => return None,
    })
}

/// Reports values that are missing or too many; whether the attribute can be used.
fn check_count(name: &Name, form: &AttributeForm, values: &[Value], diags: &mut Vec<Diag>) -> bool {
    let (first, last) = (values.first(), values.last());
    if let (0, Some(first), Some(last)) = (form.most, first, last) {
        let span = first.span().to(last.span());
        diags.push(
            Diag::error("E0119", format!("`{}` takes no value", form.name))
                .at(span, "")
                .fix("leave it out", name.span.to(span), form.name),
        );
        return true;
    }
    if values.len() < form.least {
        diags.push(
            Diag::error("E0107", format!("`{}` needs a value", form.name))
                .at(name.span, "nothing follows it")
                .help(format!("like this: `[{}]`", form.usage)),
        );
        return false;
    }
    if let Some(extra) = values.get(form.most) {
        let span = last.map_or(extra.span(), |last| extra.span().to(last.span()));
        diags.push(
            Diag::error("E0119", format!("`{}` has too many values", form.name))
                .at(span, "")
                .help(format!("like this: `[{}]`", form.usage))
                .help("one value with a blank in it is quoted: \"a b\""),
        );
        return false;
    }
    true
}
