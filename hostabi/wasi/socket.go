package wasi

// There are no sockets: a guest has no network.

// sockAccept is sock_accept(fd, flags, result *fd): ENOTSUP.
func (c call) sockAccept([]uint64) errno { return enotsup }

// sockRecv is sock_recv(fd, iovs, iovs_len, flags, size *size, flags *u16): ENOTSUP.
func (c call) sockRecv([]uint64) errno { return enotsup }

// sockSend is sock_send(fd, iovs, iovs_len, flags, size *size): ENOTSUP.
func (c call) sockSend([]uint64) errno { return enotsup }

// sockShutdown is sock_shutdown(fd, how): EBADF or ENOTSOCK, by which C
// programs tell what a descriptor is not.
func (c call) sockShutdown(a []uint64) errno {
	if _, e := c.descriptor(uint32(a[0]), 0); e != success {
		return e
	}
	return enotsock
}
