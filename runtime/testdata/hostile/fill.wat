;; Fills 64 MiB again and again.
(module
  (memory (export "memory") 1024)
  (func (export "_start") (local i32)
    (loop
      (memory.fill (i32.const 0) (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 67108864))
      (br 0))))
