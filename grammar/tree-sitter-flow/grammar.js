/**
 * @file The workflow language of flow. What stands between blanks is told apart in src/scanner.c;
 * flow.ebnf beside this folder says the same in prose.
 */
/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

// Verbs with one factor and no number behind their name.
const EACH = ["transform", "split", "subdivide", "merge", "collate"];
const TUPLES = ["combinations", "permutations", "combinations_with_replacement"];

// Attributes by the values they take. `check`, `then` and `active_if` have rules of their own.
const ALONE = ["always", "temp", "protected", "update", "optional", "local"];
const ONE = [
  "jobs_limit", "cores", "mem", "gpus", "time", "retries", "backoff", "deps", "priority", "env",
  "workdir", "stdout", "stderr", "queue", "native", "group", "checksum_level",
];
const MANY = ["after", "ancient", "shell"];

const COMMAS = repeat(",");

module.exports = grammar({
  name: "flow",

  externals: ($) => [
    // The order is that of `enum Token` in src/scanner.c.
    $._newline,
    $._blank_lines,
    $._continuation,
    $.comment,
    $._line_start,
    // Where a word begins; which one it is says where the word ends and what it may not be.
    $._start_value,
    $._start_plain,
    $._start_file,
    $._start_target,
    $._start_size,
    $._start_source,
    $._start_header,
    $._start_filter,
    $._start_regex,
    $._start_after_equals,
    $._start_first,
    $._start_list,
    $._start_condition,
    $._start_group,
    $._start_binding,
    $._start_command,
    // What a word is made of.
    $.bare,
    $.escape,
    $.raw_string,
    $.placeholder,
    $.glob,
    $._quote_open,
    $._quote_close,
    // Before a name that is not a keyword of headers, which rules and the like cannot have.
    $._free_name,
    $._name_of_word,
    $._kw_suffix,
    $._kw_match,
    $._kw_regex,
    $._kw_with,
    $._kw_using,
    $._kw_x,
    $._arrow,
    // Recipes.
    $._recipe_start,
    $._no_recipe,
    $.shebang,
    $.recipe_text,
    $.recipe_placeholder,
    $._recipe_end,
    $._in_error,
  ],

  extras: ($) => [/[ \t\r]+/, $.comment, $._blank_lines, $._continuation],

  word: ($) => $.name,

  rules: {
    source_file: ($) => repeat(choice($._setting_line, $.rule)),

    name: (_) => /[\p{Alphabetic}_][\p{Alphabetic}\p{N}_\-]*/,

    // --- settings ----------------------------------------------------------------------------

    _setting_line: ($) =>
      seq(
        $._line_start,
        choice(
          $.param,
          $.let,
          $.jobs_limit,
          $.table,
          $.shell,
          $.python,
          $.preload,
          $.env,
          $.include,
          $.use,
          $.target,
          $.default,
          $.checksum_level,
        ),
        $._newline,
      ),

    param: ($) => seq("param", field("name", $.name), optional(seq("=", field("value", $._value)))),
    let: ($) => seq("let", field("name", $.name), "=", field("value", $._value)),
    jobs_limit: ($) => seq("jobs_limit", field("name", $.name), "=", field("value", $._value_word)),
    table: ($) => seq("table", $._free_name, field("name", $.name), "=", field("value", $._value)),
    shell: ($) => seq("shell", repeat1($._plain_word)),
    python: ($) => seq("python", $._file_word),
    preload: ($) => seq("preload", repeat1($._plain_word)),
    env: ($) => seq("env", field("name", $.name), "=", field("value", $._value_word)),
    include: ($) => seq("include", field("file", $._file_word)),
    use: ($) =>
      seq(
        "use",
        field("file", $._file_word),
        "as",
        $._free_name, field("name", $.name),
        optional($.bindings),
      ),
    target: ($) => seq("target", $._free_name, field("name", $.name), ":", repeat1($._target_word)),
    default: ($) => seq("default", repeat1($._target_word)),
    checksum_level: ($) => seq("checksum_level", "=", $._value_word),

    bindings: ($) =>
      seq(
        "(",
        COMMAS,
        optional(seq($.binding, repeat(seq(repeat1(","), $.binding)), COMMAS)),
        ")",
      ),
    binding: ($) => seq(field("name", $.name), "=", field("value", choice($._binding_word, $.list))),

    _value: ($) => choice($._value_word, $.list),
    list: ($) =>
      seq("[", optional(seq($._list_word, repeat(seq(",", $._list_word)), optional(","))), "]"),

    // --- rules -------------------------------------------------------------------------------

    rule: ($) =>
      seq(
        repeat(seq($._line_start, $.attributes, $._newline)),
        $._line_start,
        choice($._each, $._originate, $._product, $._tuples),
        $._newline,
        choice(field("recipe", $.recipe), $._no_recipe),
      ),

    _originate: ($) =>
      seq(
        field("verb", alias("originate", $.verb)),
        $._free_name, field("name", $.name),
        alias($._grouped_outputs, $.outputs),
      ),
    _each: ($) =>
      seq(
        field("verb", alias(choice(...EACH), $.verb)),
        $._free_name, field("name", $.name),
        ":",
        $._last_factor,
        optional($.outputs),
      ),
    _product: ($) =>
      seq(
        field("verb", alias("product", $.verb)),
        $._free_name, field("name", $.name),
        ":",
        repeat1(seq($.factor, alias($._kw_x, "x"))),
        $._last_factor,
        optional($.outputs),
      ),
    _tuples: ($) =>
      seq(
        field("verb", alias(choice(...TUPLES), $.verb)),
        $._free_name, field("name", $.name),
        field("size", $._size_word),
        ":",
        $._last_factor,
        optional($.outputs),
      ),

    // Behind the last factor extras may follow, and with them it may have no source.
    _last_factor: ($) =>
      choice(
        seq($.factor, repeat($._extras)),
        seq(optional(alias($._sourceless_factor, $.factor)), repeat1($._extras)),
      ),
    factor: ($) => choice(seq(repeat1($._source_word), optional($.filter)), alias($._match, $.filter)),
    _sourceless_factor: ($) => alias(choice($._suffix, $._regex), $.filter),
    filter: ($) => choice($._suffix, $._match, $._regex),
    _suffix: ($) => seq(alias($._kw_suffix, "suffix"), $._filter_word),
    _match: ($) => seq(alias($._kw_match, "match"), $._filter_word),
    _regex: ($) => seq(alias($._kw_regex, "regex"), $._regex_word),

    _extras: ($) => choice($.with, $.using),
    with: ($) => seq(alias($._kw_with, "with"), repeat1($._extra)),
    using: ($) => seq(alias($._kw_using, "using"), repeat1($._extra)),

    outputs: ($) => seq(alias($._arrow, "->"), repeat1($._named)),
    _grouped_outputs: ($) => seq(alias($._arrow, "->"), repeat1(choice($._named, $.group))),
    group: ($) =>
      seq("(", COMMAS, $._group_member, repeat(choice(",", $._group_member)), ")"),

    _extra: ($) => choice($._source_word, $.named),
    _named: ($) => choice($._header_word, $.named),
    named: ($) => seq(field("name", alias($._name_of_word, $.name)), "=", $._word_after_equals),
    _group_member: ($) => choice($._group_word, alias($._named_in_group, $.named)),
    _named_in_group: ($) => seq(field("name", alias($._name_of_word, $.name)), "=", $._group_word),

    // --- attributes --------------------------------------------------------------------------

    attributes: ($) =>
      seq("[", COMMAS, $.attribute, repeat(seq(repeat1(","), $.attribute)), COMMAS, "]"),

    attribute: ($) =>
      choice(
        field("name", alias(choice(...ALONE), $.attribute_name)),
        seq(field("name", alias(choice(...ONE), $.attribute_name)), $._first_value),
        seq(
          field("name", alias(choice(...MANY), $.attribute_name)),
          $._first_value,
          repeat($._next_value),
        ),
        seq(
          field("name", alias("active_if", $.attribute_name)),
          $._condition,
          optional(seq($._condition, optional($._condition))),
        ),
        seq(
          field("name", alias("check", $.attribute_name)),
          choice($._command_word, $._first_value),
        ),
        seq(
          field("name", alias("then", $.attribute_name)),
          choice($._command_word, $._first_value),
          optional($._next_value),
        ),
      ),
    _first_value: ($) => choice($._first_word, $.list),
    _next_value: ($) => choice($._list_word, $.list),
    _condition: ($) => choice($._condition_word, $.list),

    // --- words -------------------------------------------------------------------------------

    _value_word: ($) => alias($._value_pieces, $.word),
    _plain_word: ($) => alias($._plain_pieces, $.word),
    _file_word: ($) => alias($._file_pieces, $.word),
    _target_word: ($) => alias($._target_pieces, $.word),
    _size_word: ($) => alias($._size_pieces, $.word),
    _source_word: ($) => alias($._source_pieces, $.word),
    _header_word: ($) => alias($._header_pieces, $.word),
    _filter_word: ($) => alias($._filter_pieces, $.word),
    _regex_word: ($) => alias($._regex_pieces, $.word),
    _word_after_equals: ($) => alias($._pieces_after_equals, $.word),
    _first_word: ($) => alias($._first_pieces, $.word),
    _list_word: ($) => alias($._list_pieces, $.word),
    _condition_word: ($) => alias($._condition_pieces, $.word),
    _group_word: ($) => alias($._group_pieces, $.word),
    _binding_word: ($) => alias($._binding_pieces, $.word),
    _command_word: ($) => alias($._command_pieces, $.word),

    _value_pieces: ($) => seq($._start_value, $._pieces),
    _plain_pieces: ($) => seq($._start_plain, $._pieces),
    _file_pieces: ($) => seq($._start_file, $._pieces),
    _target_pieces: ($) => seq($._start_target, $._pieces),
    _size_pieces: ($) => seq($._start_size, $._pieces),
    _source_pieces: ($) => seq($._start_source, $._pieces),
    _header_pieces: ($) => seq($._start_header, $._pieces),
    _filter_pieces: ($) => seq($._start_filter, $._pieces),
    _regex_pieces: ($) => seq($._start_regex, $._pieces),
    _pieces_after_equals: ($) => seq($._start_after_equals, $._pieces),
    _first_pieces: ($) => seq($._start_first, $._pieces),
    _list_pieces: ($) => seq($._start_list, $._pieces),
    _condition_pieces: ($) => seq($._start_condition, $._pieces),
    _group_pieces: ($) => seq($._start_group, $._pieces),
    _binding_pieces: ($) => seq($._start_binding, $._pieces),
    _command_pieces: ($) => seq($._start_command, choice($.raw_string, $.string)),

    _pieces: ($) =>
      repeat1(choice($.bare, $.escape, $.glob, $.placeholder, $.string, $.raw_string)),
    string: ($) =>
      seq(
        alias($._quote_open, '"'),
        repeat(choice(alias($.bare, $.string_content), $.escape, $.glob, $.placeholder)),
        alias($._quote_close, '"'),
      ),

    // --- recipes -----------------------------------------------------------------------------

    recipe: ($) =>
      seq(
        $._recipe_start,
        optional($.shebang),
        repeat(choice($.recipe_text, alias($.recipe_placeholder, $.placeholder))),
        $._recipe_end,
      ),
  },
});
