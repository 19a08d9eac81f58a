;; The same with values waiting on the stack in each frame.
(module
  (memory (export "memory") 1)
  (func $f (param i32) (result i32)
    (i32.store (i32.const 0) (local.get 0))
    (i32.add (i32.add (local.get 0) (i32.const 1))
      (i32.mul (local.get 0) (call $f (i32.add (local.get 0) (i32.const 1))))))
  (func (export "_start") (drop (call $f (i32.const 0)))))
