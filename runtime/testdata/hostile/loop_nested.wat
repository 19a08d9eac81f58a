;; An endless loop of short loops, which set many locals.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local i32 i32 i64)
    (loop $outer
      (local.set 0 (i32.const 10))
      (loop $middle
        (local.set 1 (i32.const 10))
        (loop $inner
          (local.set 2 (i64.add (local.get 2) (i64.const 1)))
          (br_if $inner (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
        (br_if $middle (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (i64.store (i32.const 0) (local.get 2))
      (br $outer))))
