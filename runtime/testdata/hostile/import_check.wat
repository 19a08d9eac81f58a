;; Wants the meter's own host function.
(module (import "godwit:meter" "check" (func $check (param i64)))
  (func (export "_start") (call $check (i64.const -1000000))))
