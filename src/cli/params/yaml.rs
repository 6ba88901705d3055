//! Params in YAML, read event by event: so numbers keep their spelling, and what a workflow has no
//! use for (aliases, several documents) is refused where it stands.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{Entry, Wrong, list};
use crate::workflow::param::Content;

pub(super) fn read(text: &str) -> Result<Vec<Entry>, Wrong> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        places: text.char_indices().map(|(at, _)| at).collect(),
        end: text.len(),
    };
    let mut entries = Vec::new();
    loop {
        let (event, range) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            // An empty document is one scalar without text.
            Event::Scalar(value, ScalarStyle::Plain, ..) if value.is_empty() => {
                return reader.finish(entries);
            }
            Event::StreamEnd => return Ok(entries),
            Event::MappingStart(..) => break,
            _ => return Err(Wrong::new("params are written `name: value`", range)),
        }
    }
    loop {
        let (event, range) = reader.next()?;
        let name = match event {
            Event::MappingEnd => return reader.finish(entries),
            Event::Scalar(name, ..) => name.to_string(),
            _ => return Err(Wrong::new("this is no name of a param", range)),
        };
        let (value, range) = reader.value()?;
        entries.push(Entry { name, value, range });
    }
}

struct Reader<'t> {
    events: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// Where each character begins: the parser counts characters.
    places: Vec<usize>,
    end: usize,
}

impl<'t> Reader<'t> {
    fn place(&self, index: usize) -> usize {
        self.places.get(index).copied().unwrap_or(self.end)
    }

    fn next(&mut self) -> Result<(Event<'t>, Range<usize>), Wrong> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                let (start, end) = (self.place(span.start.index()), self.place(span.end.index()));
                Ok((event, start..end.max(start)))
            }
            Some(Err(error)) => {
                let at = error.marker().index();
                let range = self.place(at)..self.place(at + 1);
                Err(Wrong::new(error.info(), range))
            }
            None => Ok((Event::StreamEnd, self.end..self.end)),
        }
    }

    /// Nothing but the end may follow.
    fn finish(mut self, entries: Vec<Entry>) -> Result<Vec<Entry>, Wrong> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(entries),
                (Event::DocumentStart(_), range) => {
                    return Err(Wrong::new("a second document begins here", range));
                }
                _ => {}
            }
        }
    }

    fn value(&mut self) -> Result<(Content, Range<usize>), Wrong> {
        let (event, range) = self.next()?;
        match event {
            Event::SequenceStart(..) => {
                let mut elements = Vec::new();
                loop {
                    let (event, place) = self.next()?;
                    if event == Event::SequenceEnd {
                        return Ok((list(elements)?, range.start..place.end.max(range.end)));
                    }
                    elements.push((scalar(event, place.clone())?, place));
                }
            }
            event => Ok((scalar(event, range.clone())?, range)),
        }
    }
}

fn scalar(event: Event, range: Range<usize>) -> Result<Content, Wrong> {
    let text = match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => match &*text {
            "" | "~" | "null" | "Null" | "NULL" => return Err(Wrong::no_value("null", range)),
            "True" | "TRUE" => "true".to_string(),
            "False" | "FALSE" => "false".to_string(),
            text => text.to_string(),
        },
        Event::Scalar(text, ..) => text.to_string(),
        Event::Alias(_) => return Err(Wrong::no_value("an alias", range)),
        Event::SequenceStart(..) => return Err(Wrong::no_value("a list in a list", range)),
        _ => return Err(Wrong::no_value("a mapping", range)),
    };
    Ok(Content::One(text.into()))
}
