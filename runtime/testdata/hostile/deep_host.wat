;; The same with a host call in each frame.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func $f (i32.store (i32.const 0) (i32.add (i32.add (call $yield) (i32.load (i32.const 0))) (i32.const 1))) (call $f))
  (func (export "_start") (call $f)))
