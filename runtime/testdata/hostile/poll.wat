;; poll_oneoff with a clock that rings after centuries.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 9000000000000000000))
    (loop
      (drop (call $poll (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 512)))
      (br 0))))
