; A recipe is a script for the interpreter that its first line names, else for the shell.

((recipe
  (shebang) @_line) @injection.content
  (#match? @_line "python")
  (#set! injection.language "python")
  (#set! injection.include-children))

((recipe
  (shebang) @_line) @injection.content
  (#match? @_line "Rscript")
  (#set! injection.language "r")
  (#set! injection.include-children))

((recipe
  (shebang) @_line) @injection.content
  (#match? @_line "lua")
  (#set! injection.language "lua")
  (#set! injection.include-children))

((recipe
  (shebang) @_line) @injection.content
  (#match? @_line "perl")
  (#set! injection.language "perl")
  (#set! injection.include-children))

((recipe
  (shebang) @_line) @injection.content
  (#match? @_line "(^#!|/|[ \t])(ba|da|z|k)?sh([ \t]|$)")
  (#set! injection.language "bash")
  (#set! injection.include-children))

((recipe
  .
  [(recipe_text) (placeholder)]) @injection.content
  (#set! injection.language "bash")
  (#set! injection.include-children))

((attribute
  name: (attribute_name) @_name
  (word (string) @injection.content))
  (#any-of? @_name "check" "then")
  (#set! injection.language "bash")
  (#set! injection.include-children))

((filter
  "regex"
  (word (raw_string) @injection.content))
  (#set! injection.language "regex"))
