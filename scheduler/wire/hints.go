package wire

// Validate checks the bounds of hints. Its errors wrap [ErrInvalid].
func (h *Hints) Validate() error { return h.validate() }
