package activation

import (
	"bytes"
	"errors"
	"testing"

	"github.com/godwit-run/godwit/actors/mailbox"
	"github.com/godwit-run/godwit/actors/wire"
)

// FuzzState: what decodes encodes to the same bytes.
func FuzzState(f *testing.F) {
	m := mailbox.New(wire.ActorID{1}, &wire.Spec{
		Name: "it", Module: testLink("it"), Replicas: 1, Fuel: 1, Memory: 1, OnFailure: wire.Restart, Restarts: 1, Within: 1, Creator: testNode,
	})
	f.Add(encodeState(7, m))
	f.Add([]byte{stateVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		until, m, err := decodeState(b)
		if err != nil {
			if !errors.Is(err, mailbox.ErrState) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(encodeState(until, m), b) {
			t.Fatal("another encoding")
		}
	})
}
