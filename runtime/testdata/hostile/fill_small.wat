;; Fills little, often, of ever another length, none at all too.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local i32)
    (loop
      (memory.fill (i32.const 100) (local.get 0) (i32.and (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 255)))
      (br 0))))
