;; All cycles are br_table edges, to loops at three depths.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local i32)
    (loop $a
      (loop $b
        (loop $c
          (block $d
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (i32.store (i32.const 0) (local.get 0))
            (br_table $a $b $c $d $c $b $a (i32.rem_u (local.get 0) (i32.const 9))))
          (br_table $a $a (i32.const 0)))))))
