package mailbox

import (
	"testing"

	"github.com/godwit-run/godwit/actors/wire"
)

// Asks of one session, in entries of 64, each answered at once; 1000 of them wait for
// nobody to move the floor.
func BenchmarkAsk(b *testing.B) {
	s := New(wire.ActorID{1}, testSpec())
	s.Apply(wire.Committed{Index: 1, Epoch: 1, Entry: wire.Entry{Time: 1, Items: []wire.Item{activated()}}})
	s.Next()
	s.Finish()
	payload, seq, index := make([]byte, 100), uint64(1), uint64(1)
	for b.Loop() {
		index++
		e := wire.Committed{Index: index, Epoch: 1, Entry: wire.Entry{Time: int64(index), Seed: wire.Seed{1}}}
		for range 64 {
			e.Entry.Items = append(e.Entry.Items, wire.Item{Message: &wire.Message{
				ID: wire.NewMessageID([8]byte{1}, seq), Floor: max(seq, 1001) - 1000, Ask: true, Payload: payload}})
			seq++
		}
		s.Apply(e)
		for d, ok := s.Next(); ok; d, ok = s.Next() {
			if err := s.Reply(d.ID, wire.Result{Outcome: wire.OK, Payload: payload}); err != nil {
				b.Fatal(err)
			}
			s.Finish()
		}
	}
	b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "messages/s")
}

// The state with 1000 replies that may be asked for again.
func BenchmarkEncode(b *testing.B) {
	s := New(wire.ActorID{1}, testSpec())
	src := &source{key: sourceKey{session: [8]byte{1}}}
	s.sources.all[src.key] = src
	for i := range uint64(1000) {
		src.take(i)
		s.sources.answered(src, i, wire.Result{Outcome: wire.OK, Payload: make([]byte, 100)})
	}
	for b.Loop() {
		b.SetBytes(int64(len(s.Encode())))
	}
}
