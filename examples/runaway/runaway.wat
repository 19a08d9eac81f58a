;; Says that it has started, then counts for ever. It is here to be stopped.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovs i32) (param $iovs_len i32) (param $nwritten i32) (result i32)))

  (memory (export "memory") 1)
  (global $count (export "count") (mut i64) (i64.const 0))

  ;; Bytes 0..7 are one ciovec {address 16, length 33}; 8..11 receive the count written.
  (data (i32.const 0) "\10\00\00\00\21\00\00\00")
  (data (i32.const 16) "counting until somebody stops me\n")

  (func $count_forever
    (loop $again
      (global.set $count (i64.add (global.get $count) (i64.const 1)))
      (br $again)))

  (func $main (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $count_forever)))
