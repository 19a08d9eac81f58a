;; Initializes memory from a segment, drops it, and inits nothing for ever.
(module
  (memory (export "memory") 1)
  (data $d "0123456789012345678901234567890123456789012345678901234567890123456789")
  (func (export "_start")
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 70))
    (data.drop $d)
    (loop
      (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))
      (data.drop $d)
      (br 0))))
