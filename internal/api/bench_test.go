package api

import (
	"context"
	"io"
	"testing"
	"time"
)

// instant is a node whose tasks end at once and whose store keeps nothing: what is
// left is the API's own cost.
type instant struct{ *fake }

func (instant) Submit(_ context.Context, s Submission) (Task, bool, error) {
	now := time.Now()
	return Task{ID: "t", Status: StatusSucceeded, Request: s.Request, CreatedAt: now, EndedAt: &now,
		Result: &Result{Outputs: []Output{}}}, true, nil
}

func (instant) PutFile(_ context.Context, r io.Reader, _ PutOptions) (Blob, error) {
	n, err := io.Copy(io.Discard, r)
	return Blob{Size: n}, err
}

// BenchmarkSubmit is a task from request to answer, over loopback.
func BenchmarkSubmit(b *testing.B) {
	c := benchServe(b)
	for b.Loop() {
		if _, err := c.Run(b.Context(), Submission{Request: TaskRequest{Module: someCID}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPut is 64 MiB of a blob over loopback.
func BenchmarkPut(b *testing.B) {
	const size = 64 << 20
	c := benchServe(b)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := c.PutFile(b.Context(), &zeros{size}, PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchServe(b *testing.B) *Client {
	b.Helper()
	ln, err := Listen(Config{Bind: "127.0.0.1:0"})
	check(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- New(Config{}, instant{newFake()}).Serve(ctx, ln) }()
	b.Cleanup(func() {
		cancel()
		check(b, <-served)
	})
	c, err := NewClient(ClientConfig{URL: ln.Addr().String()})
	check(b, err)
	b.Cleanup(c.Close)
	return c
}
