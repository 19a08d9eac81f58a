;; Tail calls through a table.
(module
  (type $f (func (param i32)))
  (memory (export "memory") 1)
  (table funcref (elem $a $b))
  (func $a (param i32)
    (i32.store (i32.const 0) (local.get 0))
    (return_call_indirect (type $f) (i32.add (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 1))))
  (func $b (param i32)
    (return_call_indirect (type $f) (i32.add (local.get 0) (i32.const 1)) (i32.const 0)))
  (func (export "_start") (call $a (i32.const 0))))
