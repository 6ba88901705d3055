//! What is wrong with a plan, said to the workflow's author.

use std::collections::HashSet;
use std::io;

use bstr::{BStr, BString, ByteSlice};

use super::{Context, Entry, JobId, NOBODY, PathId, Plan, Seen};
use crate::dense::{BitSet, Id};
use crate::lang::Diag;
use crate::lang::ast::Verb;
use crate::lang::diag::Severity;
use crate::pattern::{self, Filter, Glob, Pattern, intersects, nearest_path};
use crate::workflow::{Factor, Part, Rule, RuleId, Source, Word, shape};

/// After so many mistakes, or warnings, the rest would only repeat them.
const ENOUGH: usize = 50;

impl Plan {
    pub(super) fn report(&mut self, diag: Diag) {
        if !self.has_enough(diag.severity) && !self.diags.contains(&diag) {
            self.diags.push(diag);
        }
    }

    fn has_enough(&self, severity: Severity) -> bool {
        let alike = self.diags.iter().filter(|diag| diag.severity == severity);
        alike.count() >= ENOUGH
    }

    pub(super) fn unreadable(&mut self, word: &Word, error: &io::Error) {
        self.report(
            Diag::error("E0320", format!("a folder cannot be read: {error}"))
                .at(word.span, "looked for because of this"),
        );
    }

    pub(super) fn two_producers(
        &mut self,
        context: Context,
        path: PathId,
        first: JobId,
        second: JobId,
    ) {
        let rule = |job| self.rule_of(context.workflow, job);
        let (one, two) = (rule(first), rule(second));
        let text = self.path(path);
        let from = |job: JobId| match self.item_text(context, job) {
            None => "this makes it".to_string(),
            Some(item) => format!("makes it from {item}"),
        };
        let diag = if one.name == two.name {
            let shown = [first, second].map(|job| self.item_text(context, job));
            let shown = shown.map(|item| item.unwrap_or("nothing".into()));
            Diag::error("E0301", format!("two jobs of `{}` make `{text}`", one.name))
                .at(
                    one.name_span,
                    format!("one from {}, one from {}", shown[0], shown[1]),
                )
                .help("name the outputs so that they differ, or gather the items with `collate`")
        } else {
            Diag::error(
                "E0301",
                format!("`{}` and `{}` both make `{text}`", one.name, two.name),
            )
            .at(two.name_span, from(second))
            .and(one.name_span, from(first))
            .help("let one of them write another file")
        };
        self.report(diag);
    }

    /// What names a job, for a message: its first file, or that of each element.
    fn item_text(&self, context: Context, job: JobId) -> Option<String> {
        let files = self.item(job);
        let tuple = self.rule_of(context.workflow, job).tuple.as_ref();
        let shown = |path: &PathId| format!("`{}`", self.path(*path));
        if let Some(tuple) = tuple {
            let elements = (0..tuple.n_elements.min(4) as usize).map(|at| self.element(job, at));
            let elements: Vec<String> = elements
                .flat_map(|files| files.first())
                .map(shown)
                .collect();
            return Some(elements.join(" with "));
        }
        match files {
            [] => {
                let cells = self.captured[self.jobs[job].captures].iter().take(4);
                let cells: Vec<String> = cells
                    .map(|(name, value)| {
                        let name = context.workflow.names.get(*name);
                        format!("{name}={}", self.values.get(*value))
                    })
                    .collect();
                (!cells.is_empty()).then(|| format!("`{}`", cells.join(" ")))
            }
            [file] => Some(shown(file)),
            [file, ..] => Some(format!("{} and others", shown(file))),
        }
    }

    /// Once all rules are expanded.
    pub(super) fn finish(&mut self, context: Context) {
        for (id, rule) in context.workflow.rules.iter() {
            self.check_items(context, id, rule);
        }
        self.check_jobs(context, 0);
        self.check_folders(context);
        self.check_files(context);
        self.check_looks(context);
    }

    /// Once a split has made the plan grow.
    pub(super) fn check_growth(&mut self, context: Context, n_known: usize) {
        let mut rules: Vec<RuleId> = self.known[n_known..]
            .iter()
            .map(|job| self.jobs[*job].rule)
            .collect();
        rules.extend(&self.behind_splits);
        rules.sort();
        rules.dedup();
        for id in rules {
            self.check_items(context, id, &context.workflow.rules[id]);
        }
        self.check_jobs(context, n_known);
    }

    /// A rule whose sources or filter leave it without items.
    fn check_items(&mut self, context: Context, id: RuleId, rule: &Rule) {
        if !self.is_complete(id) || !rule.is_active() {
            return;
        }
        // What was meant takes long to find, and would not be told.
        if self.has_enough(Severity::Error) {
            return;
        }
        for (at, factor) in rule.factors.iter().enumerate() {
            self.check_factor(context, id, rule, at, factor);
        }
    }

    fn check_factor(
        &mut self,
        context: Context,
        id: RuleId,
        rule: &Rule,
        at: usize,
        factor: &Factor,
    ) {
        let seen = &self.seen[id][at];
        if seen.matched > 0 || rule.is_optional {
            return;
        }
        if seen.items > 0 {
            let diag = self.all_left_out(rule, seen, factor);
            self.report(diag);
            return;
        }
        let gathers = matches!(rule.verb, Verb::Split | Verb::Merge);
        if gathers {
            let diag = Diag::warning("W0321", format!("`{}` runs with no input", rule.name))
                .at(rule.span, "its sources name nothing");
            self.report(diag);
            return;
        }
        for source in &factor.sources {
            let Source::Files(word) = source else {
                continue;
            };
            if has_inactive_source(context, factor) {
                return;
            }
            let diag = Diag::error("E0322", format!("`{}` has no items", rule.name))
                .at(word.span, "no file matches this");
            if let Some(folder) = self.folder_of(word) {
                let as_whole = self.as_whole(context, diag, folder);
                self.report(as_whole);
                continue;
            }
            let near = self.nearest_folder(context, word);
            self.report(match near {
                Some(near) => diag.help(format!("there is a folder `{near}`")),
                None => diag.note("looked for in the workflow's folder"),
            });
        }
    }

    /// Globs that look into a folder which a job makes as a whole.
    fn check_looks(&mut self, context: Context) {
        if self.folders.is_empty() {
            return;
        }
        for (id, rule) in context.workflow.rules.iter() {
            for source in rule.asked() {
                let Source::Files(word) = source else {
                    continue;
                };
                // Its own folder is a mistake, and told as one.
                let is_foreign = |folder: &&BStr| self.jobs[self.folders[*folder]].rule != id;
                if let Some(folder) = self.folder_of(word).filter(is_foreign) {
                    let diag =
                        Diag::warning("W0335", "a glob looks into a folder that a job makes")
                            .at(word.span, "what lies there is none of its files");
                    let diag = self.as_whole(context, diag, folder);
                    self.report(diag);
                }
            }
        }
    }

    /// The folder that a job makes and that a glob's own text leads into.
    fn folder_of(&self, word: &Word) -> Option<&BStr> {
        let n_fixed = word
            .parts
            .iter()
            .position(|part| matches!(part, Part::Glob(_)))?;
        let fixed = Word {
            parts: word.parts[..n_fixed].to_vec(),
            ..*word
        };
        let mut root = shape::of_word(&fixed, &|_| false);
        let Some(pattern::Part::Text(last)) = root.0.last_mut() else {
            return None;
        };
        let end = last.rfind_byte(b'/')?;
        last.truncate(end);
        if let Some(root) = root.literal() {
            let mut above = root.as_bstr();
            while !self.folders.contains_key(above) {
                above = above[..above.rfind_byte(b'/')?].as_bstr();
            }
            return self
                .folders
                .get_key_value(above)
                .map(|(folder, _)| folder.as_bstr());
        }
        let root = shape::of(&root);
        let mut folders: Vec<&BString> = self.folders.keys().collect();
        folders.sort();
        let leads_into = |folder: &&BString| {
            let mut inside = Pattern::text(folder.as_bstr());
            let is_it = intersects(&[&root, &shape::of(&inside)]);
            inside.push_text(b"/");
            inside.push(pattern::Part::DoubleStar);
            is_it || intersects(&[&root, &shape::of(&inside)])
        };
        folders
            .into_iter()
            .find(leads_into)
            .map(|folder| folder.as_bstr())
    }

    fn as_whole(&self, context: Context, diag: Diag, folder: &BStr) -> Diag {
        let job = self.folders[folder];
        let rule = self.rule_of(context.workflow, job);
        diag.and(rule.name_span, format!("makes `{folder}/` as a whole"))
            .help(format!("take the folder itself: `{}`", rule.name))
            .help(format!(
                "or let a `split` or `subdivide` make its files: `-> {folder}/*`"
            ))
    }

    /// A folder with nearly the name of the one that a glob looks into, which is not there.
    fn nearest_folder(&self, context: Context, word: &Word) -> Option<BString> {
        let mut listing = context.listing.borrow_mut();
        let glob = Glob::new(&word.pattern()).ok()?;
        let root = glob.roots().next()?;
        if listing.folder(root.as_bstr()).ok()?.is_some() {
            return None;
        }
        nearest_path(root.as_bstr(), &mut listing)
    }

    fn all_left_out(&self, rule: &Rule, seen: &Seen, factor: &Factor) -> Diag {
        let n = seen.items;
        let items = if n == 1 {
            "the one item".into()
        } else {
            format!("all {n} items")
        };
        let diag = Diag::error(
            "E0323",
            format!("the filter of `{}` leaves out {items}", rule.name),
        )
        .at(factor.filter_span, "nothing matches this");
        // Of several the first, which is why they are looked at from behind.
        let nearest = seen.left_out.iter().rev().max_by_key(|path| {
            let text = self.path(**path);
            likeness(text, factor.filter_text.as_bytes())
        });
        let Some(nearest) = nearest else { return diag };
        let diag = diag.note(format!("the nearest item is `{}`", self.path(*nearest)));
        match &factor.filter {
            Filter::Suffix(_) => diag.help("`suffix` compares the end of the path"),
            Filter::Template(_) => {
                diag.help("`match` compares the whole path, folders and all, where it has a `/`")
            }
            _ => diag,
        }
    }

    /// Jobs that read what they write, or write one file twice.
    fn check_jobs(&mut self, context: Context, from: usize) {
        for at in from..self.known.len() {
            let job = self.known[at];
            if self.rule_of(context.workflow, job).makes_unknown_files() {
                continue;
            }
            let (inputs, outputs) = (self.inputs(job), self.outputs(job));
            let own = outputs.iter().find(|path| inputs.contains(path));
            let within = |path: &&PathId| {
                self.lies_in_a_folder(**path) && self.producer(**path) == Some(job)
            };
            let own = own.or_else(|| match self.folders.is_empty() {
                true => None,
                false => inputs.iter().find(within),
            });
            let twice = (1..outputs.len()).find(|&at| outputs[..at].contains(&outputs[at]));
            let rule = self.rule_of(context.workflow, job);
            let mut found = Vec::new();
            if let Some(&path) = own {
                let text = self.path(path);
                let message = format!("a job of `{}` reads what it makes", rule.name);
                let diag = Diag::error("E0302", message)
                    .at(rule.span, format!("`{text}` is an input and an output"));
                found.push(diag.help("let it write another file"));
            }
            if let Some(at) = twice {
                let text = self.path(outputs[at]);
                let message = format!("a job of `{}` makes `{text}` twice", rule.name);
                let diag = Diag::error("E0301", message).at(rule.span, "two of its outputs");
                found.push(diag.help("leave one of them out, or name another file"));
            }
            found.into_iter().for_each(|diag| self.report(diag));
        }
        self.check_own_rule(context, from);
    }

    /// Jobs that read, through `with`, what another job of the same rule makes.
    fn check_own_rule(&mut self, context: Context, from: usize) {
        for at in from..self.known.len() {
            let job = self.known[at];
            let rule = self.rule_of(context.workflow, job);
            if rule.with.is_empty() && rule.using.is_empty() {
                continue;
            }
            let own = self.inputs(job).iter().find_map(|&path| {
                let producer = self.producer(path)?;
                let is_own = producer != job && self.jobs[producer].rule == self.jobs[job].rule;
                is_own.then_some(path)
            });
            if let Some(path) = own {
                let text = self.path(path).to_string();
                self.report(
                    Diag::error("E0303", format!("`{}` needs what it makes", rule.name))
                        .at(rule.span, format!("`{text}` is made by a job of this rule"))
                        .help("make that file with a rule of its own"),
                );
            }
        }
    }

    /// An output inside another job's output folder.
    fn check_folders(&mut self, context: Context) {
        if self.folders.is_empty() {
            return;
        }
        let mut found = Vec::new();
        for rule in context.workflow.rules.ids() {
            for &entry in self.leaves(rule).iter() {
                let (Entry::Job(job) | Entry::Split(job)) = entry else {
                    continue;
                };
                for &output in self.outputs(job) {
                    let text = self.path(output);
                    let inside = text.trim_end_with(|c| c == '/');
                    let parents = inside.char_indices().filter(|(_, _, c)| *c == '/');
                    for (at, _, _) in parents {
                        if let Some(&other) = self.folders.get(bstr::BStr::new(&inside[..at]))
                            && other != job
                        {
                            found.push((output, job, other));
                        }
                    }
                }
            }
        }
        for (path, job, other) in found {
            let (one, two) = (
                self.rule_of(context.workflow, other),
                self.rule_of(context.workflow, job),
            );
            let folder = self.key(other).to_string();
            let text = self.path(path).to_string();
            self.report(
                Diag::error(
                    "E0304",
                    format!("`{text}` lies in a folder that another job makes"),
                )
                .at(two.name_span, "makes the file")
                .and(one.name_span, format!("makes the folder `{folder}`"))
                .help("write it to another folder"),
            );
        }
    }

    /// A file that is read or made, below one that a job makes: there would have to be a folder.
    fn check_files(&mut self, context: Context) {
        let mut found = Vec::new();
        let mut used = BitSet::default();
        let mut seen: HashSet<&[u8]> = HashSet::new();
        // The folders of the job before, its outputs' and its inputs': mostly they come again.
        let mut last: [&[u8]; 2] = [b""; 2];
        for job in self.jobs.ids() {
            let inputs = self.inputs(job).iter().map(|input| (0, input));
            let outputs = self.outputs(job).iter().map(|output| (1, output));
            for (kind, &path) in outputs.chain(inputs) {
                if !used.insert(path.index()) {
                    continue;
                }
                let mut above: &[u8] = self.path(path);
                above = above.strip_suffix(b"/").unwrap_or(above);
                let is_as_before = |above: &[u8]| {
                    let rest = above.strip_prefix(last[kind]);
                    let rest = rest.and_then(|rest| rest.strip_prefix(b"/"));
                    !last[kind].is_empty() && rest.is_some_and(|rest| !rest.contains(&b'/'))
                };
                if is_as_before(above) {
                    continue;
                }
                last[kind] = above.rfind_byte(b'/').map_or(b"", |end| &above[..end]);
                while let Some(end) = above.rfind_byte(b'/') {
                    above = &above[..end];
                    if !seen.insert(above) {
                        break;
                    }
                    if let Some(file) = self.paths.find(above)
                        && let Some(&maker) = self.producer.get(file).filter(|job| **job != NOBODY)
                    {
                        found.push((path, job, file, maker));
                    }
                }
            }
        }
        for (path, job, file, maker) in found {
            let (text, file) = (self.path(path).to_string(), self.path(file).to_string());
            let does = match self.outputs(job).contains(&path) {
                true => "makes",
                false => "reads",
            };
            let [one, two] = [job, maker].map(|job| self.rule_of(context.workflow, job).name_span);
            self.report(
                Diag::error(
                    "E0304",
                    format!("`{text}` lies below a file that a job makes"),
                )
                .at(one, format!("{does} `{text}`"))
                .and(two, format!("makes `{file}` as a file"))
                .help(format!(
                    "name the file otherwise; where it is a folder, write `{file}/`"
                )),
            );
        }
    }
}

/// Whether a source is a rule that takes no part, or names files that such a rule would make.
fn has_inactive_source(context: Context, factor: &Factor) -> bool {
    let workflow = context.workflow;
    factor.sources.iter().any(|source| match source {
        Source::Rule(rule) => !workflow.rules[*rule].is_active(),
        Source::Table(_) => false,
        Source::Files(word) => workflow
            .rules
            .iter()
            .any(|(id, rule)| !rule.is_active() && workflow.may_make(id, word)),
    })
}

/// How much two texts have in common at their ends; more is nearer.
fn likeness(path: &[u8], filter: &[u8]) -> usize {
    let filter = filter
        .split(|byte| *byte == b' ')
        .next_back()
        .unwrap_or(filter);
    let same_end = path
        .iter()
        .rev()
        .zip(filter.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let same_start = path.iter().zip(filter).take_while(|(a, b)| a == b).count();
    let in_common = filter.iter().filter(|byte| path.contains(byte)).count();
    (same_end + same_start) * 16 + in_common
}
