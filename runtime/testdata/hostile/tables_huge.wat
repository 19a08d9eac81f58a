;; Wants tables of 90 million elements.
(module (table 30000000 funcref) (table 30000000 funcref) (table 30000000 externref) (func (export "_start")))
