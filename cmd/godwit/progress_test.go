package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A job of 25 seconds, looked at ten times a second.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		lines    int
		want     string
	}{
		{false, 3, "verify: 1000 ms\nverify: 11000 ms\nverify: 21000 ms\n"},
		{true, 120, "\rverify: 1000 ms\x1b[K\rverify: 1200 ms\x1b[K"},
	} {
		var out strings.Builder
		start := time.Unix(0, 0)
		now := start
		p := &progress{what: "verify", w: &out, terminal: c.terminal, now: func() time.Time { return now }, next: start.Add(time.Second)}
		for ; now.Before(start.Add(25 * time.Second)); now = now.Add(100 * time.Millisecond) {
			p.report(func() string { return fmt.Sprintf("%d ms", now.Sub(start).Milliseconds()) })
		}
		p.end()
		if got := out.String(); !strings.HasPrefix(got, c.want) || strings.Count(got, "verify") != c.lines {
			t.Errorf("terminal %v: %d times\n%q", c.terminal, strings.Count(got, "verify"), got)
		}
		if c.terminal && !strings.HasSuffix(out.String(), "\r\x1b[K") {
			t.Errorf("the terminal is left at %q", out.String())
		}
	}
}
