;; The shortest endless loop.
(module (func (export "_start") (loop (br 0))))
