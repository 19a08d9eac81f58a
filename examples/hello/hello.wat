;; Prints one line through WASI and ends. The whole program is this text: no
;; libc, no compiler runtime.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovs i32) (param $iovs_len i32) (param $nwritten i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit"
    (func $proc_exit (param $code i32)))

  (memory (export "memory") 1)

  ;; Bytes 0..7 are one ciovec {address 16, length 23}; 8..11 receive the count written.
  (data (i32.const 0) "\10\00\00\00\17\00\00\00")
  (data (i32.const 16) "hello from WebAssembly\n")

  (func $main (export "_start")
    (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $proc_exit (i32.const 1))))))
