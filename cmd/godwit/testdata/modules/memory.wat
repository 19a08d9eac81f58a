;; Needs 4 MiB to start, and grows by 1 MiB until it gets no more.
(module
  (memory (export "memory") 64)
  (func (export "_start")
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable)
  (func (export "nothing")))
