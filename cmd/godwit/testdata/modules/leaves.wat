;; Writes /out/kept.txt and /out/dir/, then traps.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\09\00\00\00")
  (data (i32.const 32) "kept text")
  (data (i32.const 64) "out/kept.txt")
  (data (i32.const 96) "out/dir")
  (data (i32.const 128) "out/link")
  (data (i32.const 160) "../../etc/passwd")
  (func $ok (param i32) (if (local.get 0) (then unreachable)))
  (func $leave
    ;; Descriptor 3 is the root directory; oflags 1 is O_CREAT, right 64 is fd_write.
    (call $ok (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 12)
      (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
    (call $ok (call $fd_write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $ok (call $mkdir (i32.const 3) (i32.const 96) (i32.const 7)))
    (drop (call $symlink (i32.const 160) (i32.const 16) (i32.const 3) (i32.const 128) (i32.const 8))))
  (func (export "leave") (call $leave))
  (func (export "_start") (call $leave) unreachable))
