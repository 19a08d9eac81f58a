;; Every export ends in a trap.
(module
  (memory (export "memory") 1 2)
  (func $inner unreachable)
  (func $outer (call $inner))
  (func (export "_start") (call $outer))
  (func (export "divide") (result i32) (i32.div_s (i32.const 1) (i32.const 0)))
  (func (export "load") (result i32) (i32.load (i32.const 65536)))
  (func $deeper (export "recurse") (call $deeper))
  ;; A name that would clear a terminal.
  (func (export "\1b[2J") unreachable))
