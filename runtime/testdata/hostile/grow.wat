;; Grows as far as it gets, by one page and by none.
(module
  (memory (export "memory") 0)
  (func (export "_start")
    (loop
      (drop (memory.grow (i32.const 1)))
      (drop (memory.grow (i32.const 0)))
      (br 0))))
