;; Fills, copies and initializes a table of a million elements.
(module
  (memory (export "memory") 1)
  (table $f 1000000 funcref)
  (elem $seg func $g $g $g $g)
  (func $g)
  (func (export "_start")
    (loop
      (table.fill $f (i32.const 0) (ref.func $g) (i32.const 1000000))
      (table.copy $f $f (i32.const 1) (i32.const 0) (i32.const 999999))
      (table.init $f $seg (i32.const 0) (i32.const 0) (i32.const 4))
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (br 0))))
