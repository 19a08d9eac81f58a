;; Recursion without an end.
(module
  (memory (export "memory") 1)
  (func $f (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (call $f))
  (func (export "_start") (call $f)))
