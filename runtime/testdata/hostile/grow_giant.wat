;; Asks for 4 GiB at once, for ever.
(module
  (memory (export "memory") 0)
  (func (export "_start")
    (loop (drop (memory.grow (i32.const 65535))) (br 0))))
