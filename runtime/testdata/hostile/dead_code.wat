;; Loops around code that is never reached, and dead loops.
(module
  (memory (export "memory") 1)
  (func $f (result i32)
    (block (result i32)
      (br 0 (i32.const 1))
      (loop (result i32) (br 0) (i32.const 5) (i32.add) (br_table 0 0))
      (drop)))
  (func (export "_start")
    (block $out
      (loop $l
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (call $f)))
        (br $l)
        (loop (br_if $l (i32.const 0)) (br 0))
        (unreachable)
        (br $out)))))
