;; A tail call to itself, for ever.
(module
  (memory (export "memory") 1)
  (func $f (param i32)
    (i32.store (i32.const 0) (local.get 0))
    (return_call $f (i32.add (local.get 0) (i32.const 1))))
  (func (export "_start") (call $f (i32.const 0))))
