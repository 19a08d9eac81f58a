;; A loop that goes on by br_if, counting in memory.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (loop
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (br_if 0 (i32.const 1)))))
