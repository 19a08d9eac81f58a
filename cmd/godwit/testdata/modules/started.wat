;; Computes for long in its start function, in _start, and says what came of it.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "started 0000000000000000\n")
  (global $sum (mut i64) (i64.const 1))
  (func $work (param i64)
    (loop $again
      (global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 6364136223846793005)) (local.get 0)))
      (br_if $again (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0)))))
  (func $begin (call $work (i64.const 60000000)))
  (start $begin)
  (func (export "_start")
    (local $n i32)
    (call $work (i64.const 60000000))
    (loop $digit
      (i32.store8 (i32.add (i32.const 24) (local.get $n))
        (i32.add (i32.const 97) (i32.wrap_i64 (i64.and (global.get $sum) (i64.const 15)))))
      (global.set $sum (i64.shr_u (global.get $sum) (i64.const 4)))
      (br_if $digit (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 16))))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 25))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
