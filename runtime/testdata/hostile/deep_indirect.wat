;; The same through a table.
(module
  (type $t (func))
  (memory (export "memory") 1)
  (table funcref (elem $f))
  (func $f (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call_indirect (type $t) (i32.const 0)))
  (func (export "_start") (call $f)))
