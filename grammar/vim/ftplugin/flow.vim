" Comments, indentation, and `gq` lays the text out as `flow fmt` does.
if exists("b:did_ftplugin")
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:# commentstring=#\ %s
setlocal expandtab shiftwidth=4 softtabstop=4
setlocal formatprg=flow\ fmt\ -
let &l:makeprg = "flow check"
let b:undo_ftplugin = "setlocal comments< commentstring< expandtab< shiftwidth< softtabstop< formatprg< makeprg<"
