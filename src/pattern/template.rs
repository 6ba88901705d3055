//! A `match` template laid on a path: each capture, from left to right, takes as much as it can.
//!
//! Three ways, each exact for what it is given: `spans` for text and plain captures, a regular
//! expression for constraints, `{**name}` and globs, `repeat` for a name that stands twice.

use std::ops::Range;

use bstr::{BStr, ByteSlice};
use regex::bytes::Regex;

use super::class::Class;
use super::constraint::{self, Constraint};
use super::repeat::Repeat;
use super::{Capture, NameId, Part, Pattern, PatternError, alternatives, begins_with, ends_with};

/// Of a template as a regular expression: no path is as long, and the expression's tree takes a hundred
/// times its length.
const LONGEST: usize = 128 << 10;

/// A template, compiled.
#[derive(Clone, Debug)]
pub struct Template {
    /// True when it has neither `/` nor `{**name}`.
    on_name_alone: bool,
    way: Way,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Way {
    Spans(Vec<Spans>),
    /// The names are those of the groups, in order.
    Regex(Regex, Vec<NameId>),
    Repeat(Box<Repeat>),
}

/// One component of a path: text, then captures, each with the text that follows it.
#[derive(Clone, Debug, Default)]
struct Spans {
    before: Vec<u8>,
    captures: Vec<(NameId, Vec<u8>)>,
}

impl Template {
    pub(super) fn new(pattern: &Pattern) -> Result<Template, PatternError> {
        // As it was written: in `./{s}` the `/` says that the whole path is meant.
        let on_name_alone = is_on_name_alone(pattern);
        let pattern = normalized(pattern);
        for part in &pattern.0 {
            let Part::OneOf(choices) = part else { continue };
            // A capture that only some of the choices have would name nothing in the others.
            if Pattern(choices.concat()).captures().next().is_some() {
                return Err(PatternError::new("a capture cannot stand inside `{a,b}`"));
            }
        }
        let way = if pattern.captures().any(|one| is_twice(&pattern, one.name)) {
            Way::Repeat(Box::new(Repeat::new(&pattern)?))
        } else if let Some(components) = spans(&pattern) {
            Way::Spans(components)
        } else {
            let (source, names) = regex(&pattern)?;
            Way::Regex(compile(&source)?, names)
        };
        Ok(Template {
            on_name_alone,
            way,
            pattern,
        })
    }

    /// What it was made from.
    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether it is laid on the file name, whatever folder that is in.
    pub(super) fn is_on_name_alone(&self) -> bool {
        self.on_name_alone
    }

    /// Whether the template fits; what it captures is appended to `captures`.
    pub(super) fn matches(&self, path: &BStr, captures: &mut Vec<(NameId, Range<usize>)>) -> bool {
        let start = match self.on_name_alone {
            true => path.rfind_byte(b'/').map_or(0, |n| n + 1),
            false => 0,
        };
        let text = &path[start..];
        match &self.way {
            Way::Spans(components) => {
                let n_before = captures.len();
                let fits = match_spans(components, text, start, captures);
                if !fits {
                    captures.truncate(n_before);
                }
                fits
            }
            Way::Regex(regex, names) => {
                let mut groups = regex.capture_locations();
                if regex.captures_read(&mut groups, text).is_none() {
                    return false;
                }
                captures.extend(names.iter().enumerate().map(|(n, &name)| {
                    let (from, to) = groups.get(n + 1).unwrap_or_default();
                    (name, start + from..start + to)
                }));
                true
            }
            Way::Repeat(repeat) => repeat.matches(text, start, captures),
        }
    }
}

/// The template in clean spelling; a name that spans folders in one place does so in all.
fn normalized(pattern: &Pattern) -> Pattern {
    let spanning: Vec<NameId> = (pattern.captures().filter(|one| one.spans_folders))
        .map(|one| one.name)
        .collect();
    let mut pattern = pattern.clean().into_owned();
    for part in &mut pattern.0 {
        if let Part::Capture(capture) = part {
            capture.spans_folders = spanning.contains(&capture.name);
        }
    }
    pattern
}

/// True when a template of these parts is laid on the file name alone.
fn is_on_name_alone(pattern: &Pattern) -> bool {
    !pattern.leaves().any(|part| match part {
        Part::Text(text) => text.contains(&b'/'),
        Part::Capture(capture) => capture.spans_folders,
        Part::DoubleStar => true,
        _ => false,
    })
}

fn is_twice(pattern: &Pattern, name: NameId) -> bool {
    pattern.captures().filter(|one| one.name == name).count() > 1
}

/// The components of a template that has nothing but text and plain captures.
fn spans(pattern: &Pattern) -> Option<Vec<Spans>> {
    let mut components = vec![Spans::default()];
    for part in &pattern.0 {
        let component = components.last_mut()?;
        match part {
            Part::Capture(one) if !one.spans_folders && one.constraint.is_none() => {
                component.captures.push((one.name, Vec::new()));
            }
            Part::Text(text) => {
                for (n, piece) in text.split(|&byte| byte == b'/').enumerate() {
                    if n > 0 {
                        components.push(Spans::default());
                    }
                    let component = components.last_mut()?;
                    match component.captures.last_mut() {
                        Some((_, after)) => after.extend_from_slice(piece),
                        None => component.before.extend_from_slice(piece),
                    }
                }
            }
            _ => return None,
        }
    }
    Some(components)
}

fn match_spans(
    components: &[Spans],
    text: &[u8],
    offset: usize,
    captures: &mut Vec<(NameId, Range<usize>)>,
) -> bool {
    let mut at = 0;
    for (n, component) in components.iter().enumerate() {
        let is_last = n + 1 == components.len();
        let end = match (text[at..].find_byte(b'/'), is_last) {
            (None, true) => text.len(),
            (Some(len), false) => at + len,
            _ => return false,
        };
        if !component.matches(&text[at..end], offset + at, captures) {
            return false;
        }
        at = end + 1;
    }
    true
}

impl Spans {
    /// Goes from right to left and takes the last place for each text. What is right of a text
    /// also fits when that text stands further left, so the last place for each is the one that
    /// gives the first captures the most.
    fn matches(
        &self,
        name: &[u8],
        offset: usize,
        captures: &mut Vec<(NameId, Range<usize>)>,
    ) -> bool {
        let Some((last, others)) = self.captures.split_last() else {
            return self.before == name;
        };
        if !begins_with(name, &self.before) || !ends_with(name, &last.1) {
            return false;
        }
        let n_before = captures.len();
        let mut end = name.len() - last.1.len();
        let mut capture = last.0;
        for (left, text) in others.iter().rev() {
            // The capture right of this text takes at least one character.
            let Some(place) =
                last_character(&name[..end]).and_then(|start| last_place(&name[..start], text))
            else {
                return false;
            };
            captures.push((capture, offset + place + text.len()..offset + end));
            (capture, end) = (*left, place);
        }
        let start = self.before.len();
        if end <= start {
            return false;
        }
        captures.push((capture, offset + start..offset + end));
        captures[n_before..].reverse();
        true
    }
}

/// Where the last character begins; what is no UTF-8 counts as one for each of its bytes.
fn last_character(name: &[u8]) -> Option<usize> {
    match bstr::decode_last_utf8(name) {
        (Some(_), length) => Some(name.len() - length),
        (None, _) => name.len().checked_sub(1),
    }
}

/// Where `wanted` last stands. Names are short: a searcher would take longer to set up.
fn last_place(name: &[u8], wanted: &[u8]) -> Option<usize> {
    let last = name.len().checked_sub(wanted.len())?;
    (0..=last).rev().find(|&at| name[at..].starts_with(wanted))
}

pub(super) fn compile(source: &str) -> Result<Regex, PatternError> {
    if source.len() > LONGEST {
        return Err(PatternError::new("the template is too big"));
    }
    Regex::new(&format!(r"\A{source}\z")).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::new("the template is too big"),
        error => PatternError::new(error.to_string()),
    })
}

/// The template as a regular expression, with one group for each capture.
fn regex(pattern: &Pattern) -> Result<(String, Vec<NameId>), PatternError> {
    let mut source = String::new();
    let mut names = Vec::new();
    for (part, place) in placed(&pattern.0, true) {
        if let Part::Capture(capture) = part {
            names.push(capture.name);
            source += &format!("({})", capture_regex(capture)?.regex);
        } else {
            source += &part_regex(part, place)?;
        }
    }
    Ok((source, names))
}

/// Where a part stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// A `/` or the start of the path is left of it.
    at_component: bool,
    /// A `/` is right of it.
    before_slash: bool,
    /// The `/` that this text begins with belongs to the `**` left of it.
    gave_slash: bool,
}

impl Place {
    /// True where a `**` stands for whole folders.
    pub(super) fn is_folders(self) -> bool {
        self.at_component && self.before_slash
    }
}

/// The parts with their places; `at_component` is that of the first.
pub(super) fn placed(parts: &[Part], at_component: bool) -> impl Iterator<Item = (&Part, Place)> {
    let mut place = Place {
        at_component,
        ..Place::default()
    };
    parts.iter().enumerate().map(move |(n, part)| {
        let right = parts.get(n + 1);
        place.before_slash = matches!(right, Some(Part::Text(text)) if text.starts_with(b"/"));
        let this = place;
        place.gave_slash = matches!(part, Part::DoubleStar) && this.is_folders();
        place.at_component = matches!(part, Part::Text(text) if text.ends_with(b"/"));
        (part, this)
    })
}

/// What a capture takes.
pub(super) fn capture_regex(capture: &Capture) -> Result<Constraint, PatternError> {
    match (&capture.constraint, capture.spans_folders) {
        (Some(source), spans_folders) => {
            constraint::constraint(source, spans_folders).map_err(|error| PatternError {
                capture: Some(capture.name),
                ..error
            })
        }
        (None, true) => Ok(Constraint::greedy(r"(?s-u:.+)")),
        (None, false) => Ok(Constraint::greedy(r"(?-u:[^/]+)")),
    }
}

/// What is left of a text whose first `/` may belong to a `**`.
pub(super) fn text_of(text: &[u8], place: Place) -> &[u8] {
    &text[usize::from(place.gave_slash)..]
}

/// What a text or glob takes. Globs of a template take leading dots, as its captures do: which
/// files there are to choose from is the sources' business.
pub(super) fn part_regex(part: &Part, place: Place) -> Result<String, PatternError> {
    Ok(match part {
        Part::Text(text) => constraint::literal(text_of(text, place)),
        Part::Star => r"(?-u:[^/]*)".into(),
        Part::Any => r"(?:[^/]|(?-u:[\x80-\xFF]))".into(),
        Part::Class(source) => Class::parse(source)?.to_regex(),
        Part::DoubleStar if place.is_folders() => r"(?-u:(?:[^/]+/)*)".into(),
        Part::DoubleStar => r"(?s-u:.*)".into(),
        Part::OneOf(_) => {
            let mut choices = Vec::new();
            for line in alternatives(std::slice::from_ref(part))? {
                let pieces = placed(&line.0, place.at_component);
                let pieces = pieces.map(|(part, place)| part_regex(part, place));
                choices.push(pieces.collect::<Result<String, _>>()?);
            }
            format!("(?:{})", choices.join("|"))
        }
        Part::Capture(capture) => capture_regex(capture)?.regex,
    })
}

#[cfg(test)]
mod tests;
