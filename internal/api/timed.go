package api

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// timed bounds the time that a request may take of the node: for a JSON body,
// for the pauses of a stream, and while a client leaves an answer unread.
func (s *Server) timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		body := &timedBody{ReadCloser: r.Body, conn: conn, header: w.Header(), stall: s.cfg.StallTimeout}
		if !isStream(r) {
			body.until = time.Now().Add(s.cfg.BodyTimeout)
		}
		if r.Body != http.NoBody {
			r.Body = body
			// What is left of it net/http reads when the answer is out.
			defer func() { conn.SetReadDeadline(time.Now().Add(s.cfg.BodyTimeout)) }()
		}
		conn.SetWriteDeadline(time.Time{}) // that of the connection's last answer
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(&timedWriter{ResponseWriter: w, conn: conn, stall: s.cfg.StallTimeout}, r)
	})
}

// isStream tells requests whose body is content.
func isStream(r *http.Request) bool {
	return isSnapshot(r) || r.Method == http.MethodPost && strings.TrimSuffix(r.URL.Path, "/") == "/api/v1/blobs"
}

// timedBody sets a deadline before each read, and none once there is nothing
// left to read: the same deadline would end a request that then waits for a task.
type timedBody struct {
	io.ReadCloser
	conn   *http.ResponseController
	header http.Header
	until  time.Time // for the whole body; zero: stall for each read
	stall  time.Duration
}

func (b *timedBody) Read(p []byte) (int, error) {
	until := b.until
	if until.IsZero() {
		until = time.Now().Add(b.stall)
	}
	if err := b.conn.SetReadDeadline(until); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		if err := b.conn.SetReadDeadline(time.Time{}); err != nil {
			return n, err
		}
	case err != nil:
		b.header.Set("Connection", "close") // the rest may still be on its way
	}
	return n, err
}

// drain reads on for a moment after the answer is out: closing a connection with
// bytes unread resets it, and the client would lose the answer.
func drain(body io.ReadCloser) {
	if b, ok := body.(*timedBody); ok {
		b.until = time.Now().Add(time.Second)
		io.Copy(io.Discard, b) // ends one way or another
	}
}

// timedWriter sets a deadline before each write.
type timedWriter struct {
	http.ResponseWriter
	conn  *http.ResponseController
	stall time.Duration
}

func (w *timedWriter) Write(p []byte) (int, error) {
	if err := w.conn.SetWriteDeadline(time.Now().Add(w.stall)); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *timedWriter) Flush() {
	// The deadline of the last write still holds: it bounds this one too.
	w.conn.Flush() // fails if the client is gone, as the next write will
}

// Unwrap is for http.ResponseController.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
