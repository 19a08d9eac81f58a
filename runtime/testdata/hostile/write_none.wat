;; fd_write of nothing, of bad pointers, and of far too many vectors.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)))
      (drop (call $write (i32.const 1) (i32.const -8) (i32.const 4) (i32.const 8)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const -1)))
      (drop (call $write (i32.const 77) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br 0))))
