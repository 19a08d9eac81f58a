;; Imports what nobody has.
(module
  (import "env" "frobnicate" (func (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "no_such_call" (func))
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32)))
  (func (export "_start")))
