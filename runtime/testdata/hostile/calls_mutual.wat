;; Mutual recursion whose tree of calls is wide, not deep.
(module
  (memory (export "memory") 1)
  (func $a (param i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (if (local.get 0) (then
      (call $b (i32.sub (local.get 0) (i32.const 1)))
      (call $b (i32.sub (local.get 0) (i32.const 1))))))
  (func $b (param i32)
    (if (local.get 0) (then
      (call $a (i32.sub (local.get 0) (i32.const 1)))
      (call $c (i32.sub (local.get 0) (i32.const 1))))))
  (func $c (param i32)
    (if (local.get 0) (then
      (call $b (i32.sub (local.get 0) (i32.const 1)))
      (call $a (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "_start") (call $a (i32.const 60))))
