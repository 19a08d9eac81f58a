;; fd_write of 1024 vectors of 4 MiB each, the same bytes every time.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 65)
  (func (export "_start") (local i32)
    (loop
      (i32.store (i32.add (i32.const 8192) (i32.mul (local.get 0) (i32.const 8))) (i32.const 65536))
      (i32.store (i32.add (i32.const 8196) (i32.mul (local.get 0) (i32.const 8))) (i32.const 4194304))
      (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1024))))
    (loop
      (i32.store (i32.const 0) (call $write (i32.const 1) (i32.const 8192) (i32.const 1024) (i32.const 8)))
      (br 0))))
