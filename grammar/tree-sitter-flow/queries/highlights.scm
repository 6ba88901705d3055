; Later patterns win where several match.

(comment) @comment
(name) @variable
(attribute_name) @attribute

[
  "param" "let" "jobs_limit" "table" "shell" "python" "preload" "env" "include" "use" "as"
  "target" "default" "checksum_level"
] @keyword

(verb) @keyword.function
["suffix" "match" "regex" "with" "using" "x"] @keyword.operator
["->" "="] @operator
[":" ","] @punctuation.delimiter
["[" "]" "(" ")"] @punctuation.bracket

(rule name: (name) @function)
(target name: (name) @function)
(table name: (name) @type)
(use name: (name) @module)
(param name: (name) @constant)
(let name: (name) @constant)
(binding name: (name) @variable.parameter)
(named name: (name) @variable.parameter)

(raw_string) @string
(string) @string
(string_content) @string
(include file: (word) @string.special.path)
(use file: (word) @string.special.path)
(filter "regex" (word (raw_string) @string.regexp))
(escape) @string.escape
(glob) @string.special
(placeholder) @variable.builtin

(shebang) @keyword.directive
((comment) @keyword.directive
  (#match? @keyword.directive "^#!"))
