//! What the language's own words mean, in a line each.

/// Verbs, in the book's order.
pub const VERBS: [(&str, &str); 10] = [
    (
        "originate",
        "makes files from nothing: one job for each output",
    ),
    (
        "transform",
        "one job for each item, outputs named after the item",
    ),
    (
        "split",
        "one job over all items, which makes as many files as it likes",
    ),
    (
        "subdivide",
        "one job for each item, which makes as many files as it likes",
    ),
    ("merge", "one job over all items"),
    (
        "collate",
        "one job for each set of items that name the same outputs",
    ),
    (
        "product",
        "one job for each combination of one item of every factor",
    ),
    (
        "combinations",
        "one job for each choice of N items, order aside",
    ),
    ("permutations", "one job for each sequence of N items"),
    (
        "combinations_with_replacement",
        "one job for each choice of N items, each as often as it likes",
    ),
];

/// Items that are no rules.
pub const SETTINGS: [(&str, &str); 13] = [
    (
        "param",
        "a value that users may override: `param NAME = VALUE`",
    ),
    ("let", "a constant: `let NAME = VALUE`"),
    (
        "jobs_limit",
        "at most N jobs at once over all rules that hold it: `jobs_limit NAME = N`",
    ),
    (
        "table",
        "a sample sheet, each row an item: `table NAME = FILE`",
    ),
    ("shell", "what recipes are run by: `shell bash -c`"),
    ("python", "the interpreter of `#!python` recipes"),
    ("preload", "modules that Python workers import once"),
    (
        "env",
        "an environment variable for every recipe: `env NAME = VALUE`",
    ),
    ("include", "the items of another file, here: `include FILE`"),
    (
        "use",
        "another workflow as a module: `use FILE as NAME (PARAM = VALUE)`",
    ),
    (
        "target",
        "a named set of targets: `target NAME: RULE-or-FILE…`",
    ),
    ("default", "what is made when no target is named"),
    (
        "checksum_level",
        "how much is compared: `checksum_level = N`",
    ),
];

/// Words between a header's names and paths.
pub const KEYWORDS: [(&str, &str); 6] = [
    (
        "suffix",
        "takes items whose path ends so; outputs are put in its place",
    ),
    (
        "match",
        "takes items that fit a template: `match raw/{sample}.fq`",
    ),
    (
        "regex",
        "takes items in whose path it is found: `regex '…'`",
    ),
    ("with", "adds inputs to every job: `with ref=genome.fa`"),
    ("using", "replaces the inputs of every job"),
    ("x", "joins the factors of a `product`"),
];

/// Attributes, by what they do.
pub const ATTRIBUTES: [(&str, &str); 29] = [
    (
        "jobs_limit",
        "holds a permit of a named limit, or: at most N jobs of this rule at once",
    ),
    ("cores", "how many cores one job takes"),
    ("mem", "how much memory one job takes"),
    ("gpus", "how many GPUs one job takes"),
    (
        "time",
        "how long one job may take; it is ended when it runs over",
    ),
    ("retries", "how often a failed job is run again"),
    (
        "backoff",
        "how long to wait before a failed job is run again",
    ),
    (
        "after",
        "these rules are built first, without files between them",
    ),
    (
        "active_if",
        "the rule takes part only when this param is true, or has this value",
    ),
    ("always", "runs each time it is asked for"),
    ("check", "this command decides: 0 is fresh, 1 is stale"),
    (
        "then",
        "runs once, when the last job of the rule has succeeded",
    ),
    (
        "temp",
        "outputs are deleted when nothing needs them any more",
    ),
    (
        "protected",
        "outputs are made read-only, and overwritten only by `--force RULE`",
    ),
    (
        "update",
        "old outputs stay in place for a recipe that goes on from them",
    ),
    ("optional", "having no items is no error"),
    (
        "deps",
        "after the job, this file is read as a Makefile rule that names its inputs",
    ),
    (
        "ancient",
        "times and sizes of these inputs are not looked at",
    ),
    ("priority", "larger first among jobs that are ready"),
    ("env", "an environment variable for the recipe"),
    ("workdir", "the folder that the recipe runs in"),
    ("shell", "what the recipe is run by"),
    ("stdout", "the file that the recipe's stdout goes to"),
    ("stderr", "the file that the recipe's stderr goes to"),
    ("queue", "the cluster's queue"),
    ("native", "options for the cluster, as it wants them"),
    ("local", "is never sent to a cluster"),
    ("group", "so many jobs in one submission to a cluster"),
    ("checksum_level", "how much is compared, for this rule"),
];

/// Names that flow fills in.
pub const BUILT_IN: [(&str, &str); 11] = [
    (
        "input",
        "the job's inputs; `{input[0]}`, `{input.NAME}`, `{input.stem}`",
    ),
    (
        "output",
        "the job's outputs; `{output[0]}`, `{output.NAME}`, `{output.dir}`",
    ),
    ("item", "the item's own files, without what `with` adds"),
    ("cores", "the cores that the job has"),
    ("mem", "the job's memory, in MiB"),
    ("gpus", "the GPUs that the job has"),
    ("rule", "the rule's name"),
    ("job", "the job's name: its first output"),
    ("tmp", "a folder for this job, deleted after it"),
    ("env", "an environment variable: `{env.HOME}`"),
    ("re", "a group of the `regex`: `{re[1]}`"),
];

/// Parts of a path.
pub const FACTS: [(&str, &str); 5] = [
    ("dir", "the folder of the path, `.` for a bare name"),
    ("name", "the last part of the path, with its extension"),
    (
        "stem",
        "the last part of the path, without its last extension",
    ),
    ("ext", "the last extension, with its dot"),
    ("parts", "the folders of the path: `{input[0].parts[-1]}`"),
];

/// What a word of a list means.
pub fn meaning(list: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let found = list.iter().find(|(name, _)| *name == word);
    found.map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::names;
    use crate::workflow::{Fact, scope};

    #[test]
    fn every_word_of_the_language_has_a_meaning() {
        let words = |list: &[(&'static str, &str)]| -> Vec<&str> {
            list.iter().map(|(word, _)| *word).collect()
        };
        assert_eq!(words(&VERBS), names::VERBS.map(|(name, _)| name));
        assert_eq!(words(&SETTINGS), names::SETTINGS);
        assert_eq!(words(&KEYWORDS), names::KEYWORDS);
        assert_eq!(words(&ATTRIBUTES), names::ATTRIBUTES.map(|form| form.name));
        assert_eq!(words(&BUILT_IN), scope::BUILT_IN);
        assert_eq!(words(&FACTS), Fact::NAMES);
    }
}
