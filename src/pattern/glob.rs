//! Globs: which paths one names. `walk` finds those that exist.
//!
//! A glob is a few lines, one for each word that `{a,b}` makes of it; a line is one matcher for each
//! component of a path.

use bstr::{BStr, BString, ByteSlice};
use rustc_hash::FxHashSet;

use super::class::Class;
use super::{
    MAX_ALTERNATIVES, Part, Pattern, PatternError, alternatives, begins_with, ends_with,
    too_many_alternatives,
};
use crate::disk::{Name, Names};

/// flow's own folder: no glob looks into it.
const STATE_FOLDER: &[u8] = b".flow";

/// A pattern without captures, compiled.
///
/// It names files; with a `/` at its end it names folders, whose paths end in `/` too. A component
/// that begins with a wildcard matches no leading dot. A path with a component `.flow` is matched
/// only by a glob that is that path, letter for letter.
#[derive(Clone, Debug)]
pub struct Glob {
    pub(super) lines: Vec<Line>,
}

/// One word: what each component of a path has to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Line {
    pub components: Vec<Component>,
    /// How each path begins and ends, for a quick no.
    prefix: BString,
    suffix: BString,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Component {
    /// An empty one at the start is the root, at the end a `/` that asks for folders.
    Literal(BString),
    Wild(Wild),
    /// `**/`: any number of folders, also none.
    Folders,
}

/// A component with wildcards: text, wildcards and text, text.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Wild {
    pub tokens: Vec<Token>,
    prefix: BString,
    suffix: BString,
    /// What lies between prefix and suffix.
    middle: Vec<Token>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Token {
    Text(BString),
    Star,
    Any,
    Class(Class),
    /// `**`; gone once a line is made.
    Deep,
}

impl Glob {
    /// Compiles a pattern without captures.
    pub fn new(pattern: &Pattern) -> Result<Glob, PatternError> {
        let is_literal = pattern.is_literal();
        let mut lines = Vec::new();
        let mut known: FxHashSet<Line> = FxHashSet::default();
        for word in alternatives(&pattern.0)? {
            for components in without_deep(components(&word.clean())?)? {
                let line = Line::new(components);
                if (is_literal || !line.looks_into_state_folder()) && known.insert(line.clone()) {
                    lines.push(line);
                }
            }
            if lines.len() > MAX_ALTERNATIVES {
                return Err(too_many_alternatives());
            }
        }
        Ok(Glob { lines })
    }

    /// Whether the glob names `path`, be it there or not.
    pub fn matches(&self, path: &BStr) -> bool {
        self.lines.iter().any(|line| line.matches(path))
    }
}

/// The word cut at its slashes.
fn components(word: &Pattern) -> Result<Vec<Vec<Token>>, PatternError> {
    let mut components: Vec<Vec<Token>> = vec![Vec::new()];
    for part in &word.0 {
        let token = match part {
            Part::Text(text) => {
                for (n, piece) in text.split(|&byte| byte == b'/').enumerate() {
                    if n > 0 {
                        components.push(Vec::new());
                    }
                    match components.last_mut().and_then(|tokens| tokens.last_mut()) {
                        _ if piece.is_empty() => {}
                        Some(Token::Text(before)) => before.extend_from_slice(piece),
                        _ => add(&mut components, Token::Text(piece.into())),
                    }
                }
                continue;
            }
            Part::Star => Token::Star,
            Part::DoubleStar => Token::Deep,
            Part::Any => Token::Any,
            Part::Class(source) => Token::Class(Class::parse(source)?),
            Part::Capture(_) => return Err(PatternError::new("a capture has no value here")),
            Part::OneOf(_) => unreachable!("alternatives leave no choice"),
        };
        add(&mut components, token);
    }
    Ok(components)
}

fn add(components: &mut [Vec<Token>], token: Token) {
    if let Some(tokens) = components.last_mut() {
        tokens.push(token);
    }
}

/// A component on the way to a line: `None` is any number of folders.
type Draft = Option<Vec<Token>>;

/// The lines without `**` inside a component: `a**b` is `a*b`, or `a*`, any folders, `*b`.
fn without_deep(components: Vec<Vec<Token>>) -> Result<Vec<Vec<Draft>>, PatternError> {
    let mut lines = Vec::new();
    let mut open: Vec<Vec<Draft>> = vec![components.into_iter().map(Some).collect()];
    while let Some(mut line) = open.pop() {
        if lines.len() + open.len() > MAX_ALTERNATIVES {
            return Err(too_many_alternatives());
        }
        let deep = line.iter().enumerate().find_map(|(n, draft)| {
            let tokens = draft.as_ref()?;
            let at = tokens.iter().position(|token| *token == Token::Deep)?;
            Some((n, at))
        });
        let Some((n, at)) = deep else {
            line.dedup_by(|a, b| a.is_none() && b.is_none());
            lines.push(line);
            continue;
        };
        let tokens = line[n].take().expect("it was found there");
        let before = &tokens[..at];
        let after: Vec<Token> = [Token::Star]
            .iter()
            .chain(&tokens[at + 1..])
            .cloned()
            .collect();
        let is_last = n + 1 == line.len();
        if before.is_empty() && after.len() == 1 && !is_last {
            // `**/`: the place is taken by `None` already.
            open.push(line);
        } else if before.is_empty() {
            line.insert(n + 1, Some(after));
            open.push(line);
        } else {
            let before_star: Vec<Token> = before.iter().chain(&[Token::Star]).cloned().collect();
            let mut here = line.clone();
            here[n] = Some(before.iter().chain(&after).cloned().collect());
            line.splice(n..=n, [Some(before_star), None, Some(after)]);
            open.push(line);
            open.push(here);
        }
    }
    Ok(lines)
}

impl Line {
    fn new(drafts: Vec<Draft>) -> Line {
        let components = drafts.into_iter().map(|draft| match draft {
            None => Component::Folders,
            Some(tokens) => match &tokens[..] {
                [] => Component::Literal(BString::default()),
                [Token::Text(text)] => Component::Literal(text.clone()),
                _ => Component::Wild(Wild::new(tokens)),
            },
        });
        let components: Vec<Component> = components.collect();
        let mut prefix = BString::default();
        for (n, component) in components.iter().enumerate() {
            if n > 0 && components[n - 1] != Component::Folders {
                prefix.push(b'/');
            }
            match component {
                Component::Literal(text) => prefix.extend_from_slice(text),
                Component::Wild(wild) => {
                    prefix.extend_from_slice(&wild.prefix);
                    break;
                }
                Component::Folders => break,
            }
        }
        let suffix = match components.last() {
            Some(Component::Literal(text)) => text.clone(),
            Some(Component::Wild(wild)) => wild.suffix.clone(),
            _ => BString::default(),
        };
        Line {
            components,
            prefix,
            suffix,
        }
    }

    fn looks_into_state_folder(&self) -> bool {
        let is_it =
            |one: &Component| matches!(one, Component::Literal(text) if text == STATE_FOLDER);
        self.components.iter().any(is_it)
    }

    fn is_literal(&self) -> bool {
        let is_it = |one: &Component| matches!(one, Component::Literal(_));
        self.components.iter().all(is_it)
    }

    /// Components one by one; after a mismatch the last `**/` takes one folder more.
    fn matches(&self, path: &BStr) -> bool {
        if !path.starts_with(&self.prefix) || !path.ends_with(&self.suffix) {
            return false;
        }
        if self.is_literal() {
            return path.len() == self.prefix.len();
        }
        let components = &self.components;
        let (mut n, mut at) = (0, Some(0));
        // The component after the last `**/`, and where in the path it was last tried.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            if let Some(Component::Folders) = components.get(n) {
                n += 1;
                retry = at.map(|at| (n, at));
                if at.is_some() {
                    continue;
                }
            } else if let (Some(component), Some(start)) = (components.get(n), at) {
                let (name, next) = component_at(path, start);
                if component.matches(name) {
                    (n, at) = (n + 1, next);
                    continue;
                }
            } else if n == components.len() && at.is_none() {
                return true;
            }
            let Some((after, start)) = retry else {
                return false;
            };
            let (folder, next) = component_at(path, start);
            match next {
                Some(next) if may_descend(folder) => {
                    retry = Some((after, next));
                    (n, at) = (after, Some(next));
                }
                _ => return false,
            }
        }
    }
}

/// The component that begins at `start`, and where the next one begins.
fn component_at(path: &[u8], start: usize) -> (&[u8], Option<usize>) {
    match path[start..].find_byte(b'/') {
        Some(len) => (&path[start..start + len], Some(start + len + 1)),
        None => (&path[start..], None),
    }
}

/// Whether `**/` goes into a folder of that name.
pub(super) fn may_descend(folder: &[u8]) -> bool {
    !folder.is_empty() && !folder.starts_with(b".")
}

impl Component {
    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Component::Literal(text) => text == name,
            Component::Wild(wild) => wild.matches(name),
            Component::Folders => false,
        }
    }
}

impl Wild {
    fn new(tokens: Vec<Token>) -> Wild {
        let text = |token: Option<&Token>| match token {
            Some(Token::Text(text)) => text.clone(),
            _ => BString::default(),
        };
        let (prefix, suffix) = (text(tokens.first()), text(tokens.last()));
        let from = usize::from(!prefix.is_empty());
        let to = tokens.len() - usize::from(!suffix.is_empty());
        Wild {
            middle: tokens[from..to].to_vec(),
            tokens,
            prefix,
            suffix,
        }
    }

    /// Those of a folder's names that begin as this does: where many globs look into one folder,
    /// each looks at its own part.
    pub fn candidates<'n>(&self, names: &'n Names) -> impl Iterator<Item = Name<'n>> {
        names.with_prefix(&self.prefix)
    }

    /// Whether a folder's entry of that name is meant.
    pub fn matches(&self, name: &[u8]) -> bool {
        let (n_prefix, n_suffix) = (self.prefix.len(), self.suffix.len());
        if name.len() < n_prefix + n_suffix
            || !ends_with(name, &self.suffix)
            || !begins_with(name, &self.prefix)
        {
            return false;
        }
        let hides = name.first().is_none_or(|&byte| byte == b'.');
        if hides && (n_prefix == 0 || name == STATE_FOLDER) {
            return false;
        }
        match &self.middle[..] {
            [Token::Star] => true,
            middle => fits(middle, &name[n_prefix..name.len() - n_suffix]),
        }
    }
}

/// Whether the tokens fit the whole text. After a mismatch only the last star takes more: what the
/// ones before it could take instead would not leave it anything better.
fn fits(tokens: &[Token], text: &[u8]) -> bool {
    let (mut n, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match tokens.get(n) {
            Some(Token::Star) => {
                retry = Some((n + 1, at));
                n += 1;
                continue;
            }
            Some(token) => token.len_at(&text[at..]),
            None if at == text.len() => return true,
            None => None,
        };
        match (step, retry) {
            (Some(len), _) => (n, at) = (n + 1, at + len),
            (None, Some((after, start))) if start < text.len() => {
                let next = start + bstr::decode_utf8(&text[start..]).1;
                retry = Some((after, next));
                (n, at) = (after, next);
            }
            _ => return false,
        }
    }
}

impl Token {
    /// How many bytes it takes at the start of `text`; a star is not asked.
    fn len_at(&self, text: &[u8]) -> Option<usize> {
        let (character, len) = match text.first() {
            Some(&byte) if byte.is_ascii() => (Some(char::from(byte)), 1),
            // What is no UTF-8 counts as a character for each of its bytes.
            Some(_) => match bstr::decode_utf8(text) {
                (None, _) => (None, 1),
                known => known,
            },
            None => (None, 0),
        };
        match self {
            Token::Text(wanted) => text.starts_with(wanted).then_some(wanted.len()),
            Token::Any => (len > 0).then_some(len),
            Token::Class(class) => (len > 0 && class.contains(character)).then_some(len),
            Token::Star | Token::Deep => None,
        }
    }
}

#[cfg(test)]
mod tests;
