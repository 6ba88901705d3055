//! What the codes of this module's diagnostics mean, for `flow explain CODE`.

/// Codes and their explanations, in order.
pub const CODES: [(&str, &str); 30] = [
    (
        "E0101",
        "The line begins with a word that is no verb and no setting, or a keyword of a header is misspelt. An item begins at the start of its line with one of the language's words.",
    ),
    (
        "E0102",
        "The name of a rule or target is followed by a `:`, as in `transform trim: fetch -> .bam`.",
    ),
    (
        "E0103",
        "Outputs stand behind one `->`, with blanks around it. Neither `=>` nor `:` nor `<-` does.",
    ),
    (
        "E0104",
        "A name is expected: a letter or `_`, then letters, digits, `_` and `-`.",
    ),
    (
        "E0105",
        "A quote ends on the line it begins on. Nothing is special in '…', so a `'` cannot stand in it.",
    ),
    (
        "E0106",
        "A bracket, brace or parenthesis is closed on the line it opens on; a line goes on behind a `\\` at its end.",
    ),
    (
        "E0107",
        "A value, or the `=` before it, is missing or stands in a form the item does not have.",
    ),
    (
        "E0108",
        "A factor of a rule has at most one filter: `suffix`, `match` or `regex` and one word, between the sources and `with`, `using` or `->`.",
    ),
    (
        "E0109",
        "Something stands where this kind of item has no place for it, such as sources for `originate`, `x` outside a `product`, or a word of the language as a name.",
    ),
    (
        "E0110",
        "The first line's indentation is taken off every line of a recipe, so every line begins with the same characters: all tabs, or all spaces.",
    ),
    (
        "E0111",
        "An indented line belongs to the rule above it. A comment or any other line at the header's depth ends a recipe.",
    ),
    (
        "E0112",
        "A recipe that begins with `->`, `with`, `using`, `suffix` or `match` was to be part of the header. A header goes on behind a `\\` at the end of its line.",
    ),
    (
        "E0113",
        "Attributes stand in brackets on the lines above a rule: `[cores 2, mem 4G]`.",
    ),
    ("E0114", "There is no such attribute."),
    (
        "E0115",
        "A backslash takes the next character as it is; in quotes `\\n`, `\\t` and `\\u{…}` are characters of their own. At the end of a line nothing may follow it, not even blanks.",
    ),
    (
        "W0115",
        "A backslash before a letter or digit changes nothing. In '…' a backslash is a backslash, which is what regular expressions want.",
    ),
    (
        "E0116",
        "Braces in a word hold a name, `{sample}`, or choices with a comma, `{fq,fa}`. For the characters themselves write `\\{` and `\\}`.",
    ),
    (
        "E0117",
        "Lists and groups hold words; braces may be nested fifty deep.",
    ),
    (
        "E0118",
        "A character that looks like another, or none at all, stands outside quotes, or the file holds a NUL byte.",
    ),
    (
        "E0119",
        "Something follows where an item or value has ended. A value with a blank in it is quoted, a list is written `[a, b]`.",
    ),
    (
        "E0120",
        "Commas separate the values of a list, attributes and bindings; words of a header are separated by blanks.",
    ),
    (
        "E0121",
        "This looks like a rule of Snakemake, Make or Nextflow. A rule is `VERB NAME: SOURCES FILTER -> OUTPUTS` with its recipe indented below.",
    ),
    ("E0122", "A workflow file is at most 2 GiB long."),
    (
        "E0150",
        "A here-document ends with a line that is its delimiter and nothing else, once the recipe's indentation is taken off.",
    ),
    (
        "E0151",
        "A quote, parenthesis or expansion is still open where the recipe ends.",
    ),
    (
        "E0152",
        "No value can be quoted so that every shell reads it back in this place. Assign it to a variable first, or use `$( )` instead of backticks.",
    ),
    (
        "E0153",
        "A backslash before a placeholder would undo the first quote of its value. `{{name}}` is a literal `{name}`.",
    ),
    (
        "E0154",
        "A placeholder names nothing that is known here. `{{name}}` is a literal `{name}`.",
    ),
    (
        "W0151",
        "A value in the script of an inner shell is quoted for the outer shell only; the inner one reads it as part of its script. Pass it as an argument instead.",
    ),
    (
        "W0154",
        "Unknown names in single quotes are text, but a known name is one letter away.",
    ),
];

/// What a code means.
pub fn explain(code: &str) -> Option<&'static str> {
    let found = CODES.iter().find(|(known, _)| *known == code);
    found.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_is_reported_is_explained() {
        let shown = include_str!(
            "tests/snapshots/flow__lang__tests__wrong__mistakes_are_reported_where_they_are.snap"
        );
        let codes = shown.lines().filter_map(|line| line.split(' ').next());
        let codes: Vec<&str> = codes
            .filter(|word| word.len() == 5 && word.starts_with(['E', 'W']))
            .collect();
        assert!(codes.len() > 100);
        for code in codes {
            assert!(explain(code).is_some(), "{code}");
        }
    }
}
