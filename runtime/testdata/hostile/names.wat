;; Exports the names that the meter uses for itself, as its own globals and
;; functions, and fills those globals with fuel.
(module
  (global $fuel (export "godwit:fuel") (mut i64) (i64.const 9000000000000000000))
  (global $fuel0 (export "godwit:fuel0") (mut i64) (i64.const 9000000000000000000))
  (global $depth (export "godwit:depth") (mut i64) (i64.const 9000000000000000000))
  (func $start (export "godwit:start") (global.set $fuel (i64.const 9000000000000000000)))
  (start $start)
  (memory (export "memory") 1)
  (func (export "_start")
    (loop
      (global.set $fuel (i64.const 9000000000000000000))
      (global.set $fuel0 (i64.const 9000000000000000000))
      (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
      (br 0))))
