;; Tail calls in a ring, of functions with different parameters.
(module
  (memory (export "memory") 1)
  (func $f (param i32)
    (i32.store (i32.const 0) (local.get 0))
    (return_call $g (i32.add (local.get 0) (i32.const 1)) (i64.const 5)))
  (func $g (param i32 i64)
    (if (i32.and (local.get 0) (i32.const 1)) (then (return_call $h)))
    (return_call $f (local.get 0)))
  (func $h
    (return_call $f (i32.add (i32.load (i32.const 0)) (i32.const 2))))
  (func (export "_start") (return_call $f (i32.const 0))))
