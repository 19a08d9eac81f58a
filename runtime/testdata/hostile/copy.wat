;; Copies 64 MiB onto itself, one byte further, then one byte back.
(module
  (memory (export "memory") 1024)
  (data (i32.const 17) "some bytes to see where they go")
  (func (export "_start")
    (loop
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 67108863))
      (memory.copy (i32.const 0) (i32.const 1) (i32.const 67108863))
      (memory.copy (i32.const 2) (i32.const 0) (i32.const 67108862))
      (br 0))))
