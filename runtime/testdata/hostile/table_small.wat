;; The same with few elements, and none.
(module
  (memory (export "memory") 1)
  (table $f 100 funcref)
  (elem $seg func $g $g $g $g)
  (func $g)
  (func (export "_start") (local i32)
    (loop
      (local.set 0 (i32.and (i32.add (local.get 0) (i32.const 1)) (i32.const 31)))
      (table.fill $f (i32.const 0) (ref.func $g) (local.get 0))
      (table.copy $f $f (i32.const 1) (i32.const 0) (local.get 0))
      (table.init $f $seg (i32.const 0) (i32.const 0) (i32.const 4))
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 0)))
      (br 0))))
