package wasi

func (c call) pollOneoff(a []uint64) errno { return enotsup }
