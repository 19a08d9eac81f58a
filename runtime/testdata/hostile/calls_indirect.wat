;; The same through a table, with nothing else in the way.
(module
  (type $f (func (param i32)))
  (memory (export "memory") 1)
  (table funcref (elem $a $b))
  (func $a (param i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (if (local.get 0) (then
      (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))
      (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
  (func $b (param i32)
    (if (local.get 0) (then
      (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 1)))
      (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
  (func (export "_start") (call $a (i32.const 60))))
