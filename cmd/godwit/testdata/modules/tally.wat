;; Keeps a total in every kind of state that an instance has between calls: a
;; global, memory, a table, and a data segment that is dropped at the first call.
(module
  (memory (export "memory") 2)
  (global $calls (mut i64) (i64.const 0))
  (table $last 4 funcref)
  (elem declare func $even $odd)
  (data $seed "\64") ;; 100
  (type $parity (func (result i64)))
  (func $even (type $parity) (i64.const 0))
  (func $odd (type $parity) (i64.const 1))

  ;; Adds to the total, which begins with 100. Returns it, and the number of calls
  ;; times a million, and a billion if the call before was an odd one.
  (func (export "add") (param $n i64) (result i64)
    (local $before i64)
    (if (i64.eqz (global.get $calls))
      (then
        (memory.init $seed (i32.const 70000) (i32.const 0) (i32.const 1))
        (data.drop $seed))
      (else
        (local.set $before (call_indirect $last (type $parity) (i32.const 2)))))
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (i64.store (i32.const 70000) (i64.add (i64.load (i32.const 70000)) (local.get $n)))
    (if (i64.eqz (i64.rem_u (global.get $calls) (i64.const 2)))
      (then (table.set $last (i32.const 2) (ref.func $even)))
      (else (table.set $last (i32.const 2) (ref.func $odd))))
    (i64.add
      (i64.add (i64.load (i32.const 70000)) (i64.mul (global.get $calls) (i64.const 1000000)))
      (i64.mul (local.get $before) (i64.const 1000000000)))))
