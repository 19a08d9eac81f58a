;; A br_table whose targets, loops among them, take two values.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local i32 i64)
    (i32.const 0) (i64.const 0)
    (loop $a (param i32 i64)
      (loop $b (param i32 i64)
        (local.set 1) (local.set 0)
        (i64.store (i32.const 0) (local.get 1))
        (i32.add (local.get 0) (i32.const 1))
        (i64.add (local.get 1) (i64.const 3))
        (br_table $a $b $a (i32.and (local.get 0) (i32.const 1)))))))
