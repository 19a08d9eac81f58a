package kernels

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// BackendName is the name of the backend that has the twins.
const BackendName = "cpu-go"

// memory is how much a device says that it has, in bytes: a node's own limits are what
// counts.
const memory = 1 << 30

// info is the one device that there is.
var info = device.Info{
	ID: BackendName, Backend: BackendName, Name: "ready-made kernels in Go", Vendor: "Godwit",
	Kind: device.Other, Capability: "go_1", Version: "1", Driver: "1",
	Memory: memory, MaxBuffer: memory, Unified: true, Align: 4, ComputeUnits: 1,
	MaxGroup: group, MaxItems: [3]uint64{group, group, group}, Forms: []device.Form{device.Named},
}

// Backend is a device.Backend whose one device runs the twins, in this process.
type Backend struct {
	mu       sync.Mutex
	closed   bool
	sessions map[*session]bool
}

// New makes a Backend.
func New() *Backend { return &Backend{sessions: make(map[*session]bool)} }

// Name implements device.Backend.
func (b *Backend) Name() string { return BackendName }

// Devices implements device.Backend.
func (b *Backend) Devices(context.Context) ([]device.Info, error) { return []device.Info{info}, nil }

// Open implements device.Backend.
func (b *Backend) Open(_ context.Context, limits device.Limits) (device.Session, error) {
	if len(limits.Devices) == 0 || slices.ContainsFunc(limits.Devices, func(d int) bool { return d != 0 }) {
		return nil, fmt.Errorf("devices %v of %s: %w", limits.Devices, BackendName, device.ErrDevice)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("%s: %w", BackendName, device.ErrClosed)
	}
	if limits.Memory == 0 {
		limits.Memory = memory
	}
	s := newSession(limits)
	s.gone = func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.sessions, s)
	}
	b.sessions[s] = true
	return s, nil
}

// Close implements device.Backend.
func (b *Backend) Close() error {
	b.mu.Lock()
	b.closed = true
	var open []*session
	for s := range b.sessions {
		open = append(open, s)
	}
	b.mu.Unlock()
	for _, s := range open {
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}
