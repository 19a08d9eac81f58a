;; Waits for no time at all, again and again.
(module
  (memory (export "memory") 1 1 shared)
  (func (export "_start")
    (loop
      (i32.store (i32.const 8) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))
      (drop (i32.atomic.rmw.add (i32.const 16) (i32.const 1)))
      (br 0))))
