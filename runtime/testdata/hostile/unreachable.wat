;; The guest's own unreachable is a trap, whatever the fuel.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1))
    (unreachable)))
