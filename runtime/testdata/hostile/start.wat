;; The start function never ends.
(module
  (memory (export "memory") 1)
  (func $s (loop (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (br 0)))
  (start $s)
  (func (export "_start")))
