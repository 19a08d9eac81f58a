;; An actor that does as the first letter of a message says: t traps, l loops without
;; end, s says something in its log and on standard output, c counts and replies with
;; the count as a digit, x stops. Anything else it replies with.
(module
  (import "godwit_actor" "payload" (func $payload (param i32 i32 i32 i32) (result i32)))
  (import "godwit_actor" "reply" (func $reply (param i32 i32 i32) (result i32)))
  (import "godwit_actor" "log" (func $log (param i32 i32 i32) (result i32)))
  (import "godwit_actor" "stop" (func $stop (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\20\00\00\00\0e\00\00\00")
  (data (i32.const 32) "said aloud...\n")
  (data (i32.const 64) "logged")
  (data (i32.const 80) "done")
  (data (i32.const 96) "0")
  (func $is (param $letter i32) (result i32)
    (i32.eq (i32.load8_u (i32.const 1024)) (local.get $letter)))
  (func (export "godwit_handle")
    (drop (call $payload (i32.const 1024) (i32.const 60000) (i32.const 0) (i32.const 0)))
    (if (call $is (i32.const 116)) (then unreachable))
    (if (call $is (i32.const 108)) (then (loop (br 0))))
    (if (call $is (i32.const 115)) (then
      (drop (call $log (i32.const 2) (i32.const 64) (i32.const 6)))
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))))
    (if (call $is (i32.const 120)) (then
      (drop (call $stop (i32.const 80) (i32.const 4)))))
    (if (call $is (i32.const 99)) (then
      (i32.store8 (i32.const 96) (i32.add (i32.load8_u (i32.const 96)) (i32.const 1)))
      (drop (call $reply (i32.const 0) (i32.const 96) (i32.const 1)))
      return))
    (drop (call $reply (i32.const 0) (i32.const 1024) (i32.load (i32.const 0))))))
