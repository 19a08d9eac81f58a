;; Wants a global that is the fuel.
(module (import "godwit:meter" "godwit:fuel" (global (mut i64)))
  (func (export "_start")))
