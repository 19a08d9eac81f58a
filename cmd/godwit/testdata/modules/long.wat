;; Functions that take their time.
(module
  (func $fib (export "fib") (param i32) (result i64)
    (if (result i64) (i32.lt_u (local.get 0) (i32.const 2))
      (then (i64.extend_i32_u (local.get 0)))
      (else (i64.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  ;; trap divides by what is left of fib.
  (func (export "trap") (param i32) (result i64)
    (local i64)
    (local.set 1 (call $fib (local.get 0)))
    (i64.div_u (i64.const 1) (i64.sub (local.get 1) (local.get 1)))))
