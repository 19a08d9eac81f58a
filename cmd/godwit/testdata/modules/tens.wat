;; A counter that counts by ten, and takes over from examples/counter and gives back to
;; it: eight bytes with the count. Whatever it is asked but "get", it counts.
(module
  (import "godwit_actor" "payload" (func $payload (param i32 i32 i32 i32) (result i32)))
  (import "godwit_actor" "reply" (func $reply (param i32 i32 i32) (result i32)))
  (import "godwit_actor" "save" (func $save (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $answer (local $at i32) (local $rest i64)
    (local.set $at (i32.const 100))
    (local.set $rest (i64.load (i32.const 8)))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.wrap_i64 (i64.add (i64.rem_u (local.get $rest) (i64.const 10)) (i64.const 48))))
      (local.set $rest (i64.div_u (local.get $rest) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $rest) (i64.const 0))))
    (drop (call $reply (i32.const 0) (local.get $at) (i32.sub (i32.const 100) (local.get $at)))))
  (func (export "godwit_handle")
    (drop (call $payload (i32.const 16) (i32.const 16) (i32.const 0) (i32.const 0)))
    (if (i32.ne (i32.load8_u (i32.const 16)) (i32.const 103)) (then
      (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.const 10)))))
    (call $answer))
  (func (export "godwit_save") (drop (call $save (i32.const 8) (i32.const 8))))
  (func (export "godwit_load") (drop (call $payload (i32.const 8) (i32.const 8) (i32.const 0) (i32.const 0)))))
