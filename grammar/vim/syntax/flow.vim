" Vim syntax file
" Language: flow workflows
" The lists of words are held against flow's own by a test.

if exists("b:current_syntax")
  finish
endif

let s:keep_cpo = &cpo
set cpo&vim
syntax iskeyword @,48-57,_,-,192-255

" Recipes are scripts for the shell, or for the interpreter that their first line names.
unlet! b:current_syntax
syntax include @flowShell syntax/sh.vim
unlet! b:current_syntax
syntax include @flowPython syntax/python.vim
unlet! b:current_syntax
syntax include @flowR syntax/r.vim
unlet! b:current_syntax

syntax case match
syntax sync minlines=200

syntax keyword flowVerb contained nextgroup=flowRuleName skipwhite originate transform split
      \ subdivide merge collate product combinations permutations combinations_with_replacement
syntax keyword flowSetting contained nextgroup=flowName skipwhite param let jobs_limit table shell
      \ python preload env include use target default checksum_level
syntax keyword flowKeyword contained suffix match regex with using x
syntax keyword flowAttribute contained jobs_limit cores mem gpus time retries backoff after
      \ active_if always check then temp protected update optional deps ancient priority env workdir
      \ shell stdout stderr queue native local group checksum_level

syntax match flowName contained /[[:alpha:]_][[:alnum:]_-]*/
syntax match flowRuleName contained /[[:alpha:]_][[:alnum:]_-]*/
syntax match flowComment /\%(^\|\s\)\zs#.*$/ contains=flowTodo,@Spell
syntax keyword flowTodo contained TODO FIXME XXX
syntax match flowEscape contained /\\./
syntax match flowGlob contained /\*\*\|[*?]/
syntax match flowPlaceholder contained /{\@!\%(\*\*\)\?[[:alpha:]_][^{},[:blank:]]*}/
syntax region flowString contained start=/"/ skip=/\\./ end=/"/ oneline contains=flowEscape,flowPlaceholder
syntax region flowRaw contained start=/'/ end=/'/ oneline
syntax match flowArrow contained /\%(^\|\s\)\zs->\ze\%(\s\|(\|$\)/
syntax match flowContinued contained /\\$/
syntax cluster flowWords contains=flowKeyword,flowEscape,flowGlob,flowPlaceholder,flowString,flowRaw,flowArrow,flowContinued,flowComment

" An item is what begins at the start of a line, with those that a `\` joins to it.
syntax match flowItem /^[[:alpha:]_]\%(\\\n\|.\)*/ contains=flowVerb,flowSetting,@flowWords
syntax region flowAttributes start=/^\[/ end=/\]\s*\ze\%(#\|$\)/ contains=flowAttribute,flowString,flowRaw,flowPlaceholder

" A recipe is what is indented under an item.
syntax region flowRecipe start=/^\s\+\S/ end=/^\ze\S/ contains=@flowShell,flowFilled keepend
syntax region flowRecipePython start=/^\s\+#!.*python/ end=/^\ze\S/ contains=@flowPython keepend
syntax region flowRecipeR start=/^\s\+#!.*Rscript/ end=/^\ze\S/ contains=@flowR keepend
syntax match flowFilled contained containedin=@flowShell
      \ /[$%@{]\@1<!{[[:alpha:]_][[:alnum:]_.\[\]-]*\%(:raw\)\?}/

highlight default link flowVerb Keyword
highlight default link flowSetting Keyword
highlight default link flowKeyword Operator
highlight default link flowAttribute PreProc
highlight default link flowName Identifier
highlight default link flowRuleName Function
highlight default link flowComment Comment
highlight default link flowTodo Todo
highlight default link flowEscape SpecialChar
highlight default link flowGlob Special
highlight default link flowPlaceholder Special
highlight default link flowFilled Special
highlight default link flowString String
highlight default link flowRaw String
highlight default link flowArrow Operator
highlight default link flowContinued Special

let b:current_syntax = "flow"
let &cpo = s:keep_cpo
unlet s:keep_cpo
