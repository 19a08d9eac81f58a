package driver

import (
	"testing"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
	"github.com/godwit-run/godwit/hostabi/gpu/driver/internal/wire"
)

// BenchmarkRoundTrip asks for something that the driver refuses at once: what is left are the
// messages.
func BenchmarkRoundTrip(b *testing.B) {
	s := begin(b, open(b, Config{}), device.Limits{}).(*session)
	for b.Loop() {
		e, err := s.ask(b.Context(), request{kind: wire.KindLaunch, queued: true, body: func(seq uint64) any {
			return wire.Launch{Seq: seq, Program: 1 << 40, Dims: 1, Args: make([]wire.Arg, 3)}
		}}, nil)
		must(b, err)
		wantErr(b, device.Wait(b.Context(), e), device.ErrClosed)
	}
}
