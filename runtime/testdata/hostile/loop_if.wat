;; Back edges from the arms of ifs, each arm of another length.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local i32)
    (loop $l
      (local.set 0 (i32.add (local.get 0) (i32.const 7)))
      (if (i32.and (local.get 0) (i32.const 1))
        (then
          (i32.store (i32.const 0) (local.get 0))
          (if (i32.and (local.get 0) (i32.const 2)) (then (br $l)))
          (nop))
        (else
          (i32.store8 (i32.const 5) (i32.xor (local.get 0) (i32.const 3)))
          (i32.store8 (i32.const 6) (i32.const 3))
          (br_if $l (i32.and (local.get 0) (i32.const 4)))))
      (br $l))))
