// Package serve is the driver process: it loads libOpenCL and does what the node says,
// for each session on a connection of its own.
//
// A session has two kinds of goroutines: one that reads messages and puts work into the
// queues, and one a device that waits for what was put there, in order, answers, and then
// frees. So nothing is freed while the device may look at it, and a kernel that never
// ends holds up no other session, but for the device's time.
package serve

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/link"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
	"github.com/godwit-run/godwit/hostabi/gpu/opencl"
)

// server is the process.
type server struct {
	control *link.Conn
	devices []opencl.Device
	infos   []device.Info

	mu       sync.Mutex
	sessions map[uint64]*session
	ended    sync.WaitGroup
}

// Run serves the node at the other end of socket until it goes away. What the process may
// not do any more is said in confined.
func Run(socket *os.File, confined string) error {
	control, err := link.New(socket)
	if err != nil {
		return err
	}
	s := &server{control: control, sessions: map[uint64]*session{}}
	if err := s.find(); err != nil {
		return err
	}
	if err := control.Send(wire.KindFacts, wire.Facts{Version: wire.Version, Devices: s.infos, Confined: confined}, nil); err != nil {
		return err
	}
	err = s.serve()
	if errors.Is(err, io.EOF) {
		return nil // sessions that are still there end with the process
	}
	return err
}

// find lists the devices. A machine without OpenCL has none.
func (s *server) find() error {
	lib, err := opencl.Load()
	if errors.Is(err, opencl.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	s.devices, err = lib.Devices()
	if err != nil {
		return err
	}
	for _, d := range s.devices {
		s.infos = append(s.infos, d.Info())
	}
	opencl.Identify(s.infos)
	return nil
}

func (s *server) serve() error {
	for {
		kind, body, err := s.control.Receive()
		if err != nil {
			return err
		}
		switch kind {
		case wire.KindOpen:
			err = s.open(body)
		case wire.KindProbe:
			err = s.probe(body)
		default:
			err = fmt.Errorf("control message %d: %w", kind, wire.ErrFrame)
		}
		if err != nil {
			return err
		}
	}
}

func (s *server) open(body []byte) error {
	var m wire.Open
	if err := wire.Decode(body, &m); err != nil {
		return err
	}
	f, err := s.control.File()
	if err != nil {
		return err
	}
	conn, err := link.New(f)
	if err != nil {
		return err
	}
	ses := &session{id: m.Session, conn: conn, buffers: map[uint64]*buffer{}, programs: map[uint64]*program{}}
	for _, i := range m.Devices {
		if i < 0 || i >= len(s.devices) {
			return fmt.Errorf("device %d: %w", i, wire.ErrFrame)
		}
		ses.units = append(ses.units, &unit{session: ses, device: s.devices[i], info: s.infos[i]})
	}
	s.mu.Lock()
	s.sessions[m.Session] = ses
	s.mu.Unlock()
	s.ended.Go(func() {
		ses.run()
		s.mu.Lock()
		delete(s.sessions, m.Session)
		s.mu.Unlock()
	})
	return nil
}

func (s *server) probe(body []byte) error {
	var m wire.Probe
	if err := wire.Decode(body, &m); err != nil {
		return err
	}
	s.mu.Lock()
	ses := s.sessions[m.Session]
	s.mu.Unlock()
	return s.control.Send(wire.KindState, wire.State{Seq: m.Seq, Busy: ses != nil && ses.busy()}, nil)
}
