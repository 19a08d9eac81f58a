;; Loop parameters and results, br_if with values left on the stack.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.const 1) (f64.const 0)
    (loop $l (param i32 f64)
      (f64.add (f64.const 1))
      (f64.store (i32.const 8) (f64.const 2))
      (br_if $l (i32.const 1))
      (br $l))))
