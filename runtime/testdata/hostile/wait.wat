;; Waits on an atomic that nobody will ever notify, with and without a time.
(module
  (memory (export "memory") 1 1 shared)
  (func (export "_start")
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000)))
    (drop (memory.atomic.wait64 (i32.const 0) (i64.const 0) (i64.const 1000)))
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 1) (i64.const -1)))
    (drop (memory.atomic.notify (i32.const 0) (i32.const 1000)))
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
