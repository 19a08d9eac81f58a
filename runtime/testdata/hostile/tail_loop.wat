;; Loops and tail calls mixed: a short loop, then a tail call out of it.
(module
  (memory (export "memory") 1)
  (func $f (param i32) (local i32)
    (loop
      (if (i32.gt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 6))
        (then (return_call $f (i32.add (local.get 0) (i32.const 1)))))
      (i32.store (i32.const 0) (local.get 0))
      (br 0)))
  (func (export "_start") (call $f (i32.const 0))))
