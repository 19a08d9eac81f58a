;; Grows tables as far as they go, by one element, by many, by none.
(module
  (memory (export "memory") 1)
  (table $f 0 funcref) (table $e 0 externref)
  (func (export "_start")
    (loop
      (i32.store (i32.const 0) (table.grow $f (ref.null func) (i32.const 1000)))
      (drop (table.grow $e (ref.null extern) (i32.const 1)))
      (drop (table.grow $e (ref.null extern) (i32.const -1)))
      (drop (table.grow $f (ref.null func) (i32.const 0)))
      (br 0))))
