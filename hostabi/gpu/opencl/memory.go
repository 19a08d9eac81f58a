package opencl

import "unsafe"

const (
	memReadWrite  = 1 << 0
	memUseHostPtr = 1 << 3

	createRegion    = 0x1220
	queueProfiling  = 1 << 1
	contextPlatform = 0x1084
)

// NewContext makes a context.
func (d Device) NewContext() (Context, error) {
	var code Code
	properties := [3]uintptr{contextPlatform, d.platform, 0}
	id := d.lib.functions.CreateContext(&properties[0], 1, &d.id, 0, 0, &code)
	return Context{device: d, id: id}, code.err()
}

// Release gives the context back.
func (c Context) Release() error { return c.device.lib.functions.ReleaseContext(c.id).err() }

// NewQueue makes a queue that keeps the order and measures times.
func (c Context) NewQueue() (Queue, error) {
	var code Code
	id := c.device.lib.functions.CreateQueue(c.id, c.device.id, queueProfiling, &code)
	return Queue{lib: c.device.lib, id: id}, code.err()
}

// Flush makes the device begin with what was queued.
func (q Queue) Flush() error { return q.lib.functions.Flush(q.id).err() }

// Finish waits for all that was queued.
func (q Queue) Finish() error { return q.lib.functions.Finish(q.id).err() }

// Release gives the queue back; what was queued goes on.
func (q Queue) Release() error { return q.lib.functions.ReleaseQueue(q.id).err() }

// NewMemory makes a buffer of the device's memory. What is in it is not defined.
func (c Context) NewMemory(size uint64) (Memory, error) {
	return c.newMemory(memReadWrite, uintptr(size), 0)
}

// ShareMemory makes a buffer of the host's memory, which is outside of the Go heap, has a
// page's alignment, and stays there until the buffer and all that uses it is
// released.
func (c Context) ShareMemory(host []byte) (Memory, error) {
	return c.newMemory(memReadWrite|memUseHostPtr, uintptr(len(host)), uintptr(unsafe.Pointer(&host[0])))
}

func (c Context) newMemory(flags uint64, size, host uintptr) (Memory, error) {
	var code Code
	id := c.device.lib.functions.CreateBuffer(c.id, flags, size, host, &code)
	return Memory{lib: c.device.lib, id: id}, code.err()
}

// Part makes a buffer of a part of this one; offset is a multiple of the device's
// alignment.
func (m Memory) Part(offset, size uint64) (Memory, error) {
	var code Code
	r := region{uintptr(offset), uintptr(size)}
	id := m.lib.functions.CreateSubBuffer(m.id, memReadWrite, createRegion, &r, &code)
	return Memory{lib: m.lib, id: id}, code.err()
}

// Release gives the buffer back once nothing uses it.
func (m Memory) Release() error { return m.lib.functions.ReleaseMemory(m.id).err() }

// Copy queues a copy between buffers.
func (q Queue) Copy(to Memory, toOffset uint64, from Memory, fromOffset, size uint64) (Event, error) {
	e := Event{lib: q.lib}
	code := q.lib.functions.EnqueueCopy(q.id, from.id, to.id, uintptr(fromOffset), uintptr(toOffset), uintptr(size), 0, nil, &e.id)
	return e, code.err()
}

// Read queues a copy to the host. The memory is outside of the Go heap and
// stays there until the event has ended.
func (q Queue) Read(from Memory, offset uint64, to []byte) (Event, error) {
	e := Event{lib: q.lib}
	code := q.lib.functions.EnqueueRead(q.id, from.id, 0, uintptr(offset), uintptr(len(to)), uintptr(unsafe.Pointer(&to[0])), 0, nil, &e.id)
	return e, code.err()
}

// Write queues a copy from the host, with Read's conditions.
func (q Queue) Write(to Memory, offset uint64, from []byte) (Event, error) {
	e := Event{lib: q.lib}
	code := q.lib.functions.EnqueueWrite(q.id, to.id, 0, uintptr(offset), uintptr(len(from)), uintptr(unsafe.Pointer(&from[0])), 0, nil, &e.id)
	return e, code.err()
}
