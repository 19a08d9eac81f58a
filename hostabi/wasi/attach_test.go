package wasi

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// A stream that was attached and never used, such as by a write of no bytes, is
// closed before its goroutine has begun: that must not keep either waiting.
func TestCloseUnusedStreams(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5000 {
			out := sink{writer: struct{ io.Writer }{io.Discard}}
			out.attach()
			out.close()
			in := source{reader: struct{ io.Reader }{bytes.NewReader(nil)}}
			in.attach()
			in.close()
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("a stream does not close")
	}
}
