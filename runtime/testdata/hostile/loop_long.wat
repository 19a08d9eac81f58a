;; A loop around a host call and a function that loops.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func $short (param i32) (result i32)
    (loop (result i32)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
      (local.get 0)))
  (func (export "_start") (local i32)
    (loop
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (call $yield)))
      (i32.store (i32.const 4) (i32.add (call $short (i32.const 5)) (local.tee 0 (i32.add (local.get 0) (i32.const 1)))))
      (br 0))))
