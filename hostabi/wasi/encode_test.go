package wasi

import (
	"bytes"
	"errors"
	"testing"
)

// exampleState has something of everything.
func exampleState(t testing.TB) State {
	t.Helper()
	s, err := New(Config{Deterministic: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	state, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	state.Stdin = InputStream{Pending: []byte("rest"), Delivered: 7}
	state.Descriptors = append(state.Descriptors, Descriptor{Kind: File, Inode: inodeRoot, Offset: 9, Name: "x"})
	return state
}

func TestStateEncoding(t *testing.T) {
	state := exampleState(t)
	b, err := state.Encode()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := DecodeState(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decoded.Encode()
	if err != nil || !bytes.Equal(b, again) {
		t.Fatalf("encodes to %x\nthen to %x (%v)", b, again, err)
	}
	if string(decoded.Stdin.Pending) != "rest" || decoded.Random == nil {
		t.Fatalf("decoded %+v", decoded)
	}
	for n := range b {
		if _, err := DecodeState(b[:n]); !errors.Is(err, ErrState) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

func FuzzDecodeState(f *testing.F) {
	state := exampleState(f)
	b, err := state.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{stateVersion, 0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		state, err := DecodeState(b)
		if err != nil {
			return
		}
		if s, err := Restore(Config{Deterministic: state.Random != nil}, state); err == nil {
			if _, err := s.Snapshot(); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
