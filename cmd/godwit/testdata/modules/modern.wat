;; Uses a table, SIMD and bulk memory.
(module
  (memory (export "memory") 1 16)
  (table (export "table") 2 8 funcref)
  (func (export "splat") (param i32) (result i32)
    (i32x4.extract_lane 0 (i32x4.splat (local.get 0))))
  (func (export "_start") (memory.fill (i32.const 0) (i32.const 1) (i32.const 64))))
