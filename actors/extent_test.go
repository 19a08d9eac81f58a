package actors

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/actors/group"
	"github.com/godwit-run/godwit/actors/wire"
)

// Whatever a group writes, the journal has its log and nothing else, on every reading.
func TestExtent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j, err := openJournal(vfs.NewMem(), "journal", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		id := wire.ActorID{7}
		base, log := uint64(1), []string(nil) // the log behind the base
		var disk extent
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			w := &group.Write{State: []byte{1}}
			switch rapid.SampledFrom([]string{"append", "overwrite", "cut", "reset", "restart"}).Draw(t, "what") {
			case "append":
				w.First = base + 1 + uint64(len(log))
			case "overwrite":
				w.First = base + 1 + uint64(rapid.IntRange(0, len(log)).Draw(t, "from"))
			case "cut":
				n := rapid.IntRange(0, len(log)).Draw(t, "cut")
				base, log = base+uint64(n), log[n:]
				w.Cut = base
			case "reset":
				base, log = base+uint64(len(log)+rapid.IntRange(0, 3).Draw(t, "gap")), nil
				w.Reset = true
			case "restart":
				if _, disk, err = savedIn(j, id); err != nil {
					t.Fatal(err)
				}
			}
			if w.First > 0 {
				log = slices.Clone(log[:w.First-base-1])
				for range rapid.IntRange(1, 4).Draw(t, "entries") {
					e := string(rune('a' + step))
					log, w.Entries = append(log, e), append(w.Entries, []byte(e))
				}
			}
			if err := j.Commit(disk.update(id, w), false); err != nil {
				t.Fatal(err)
			}
			saved, there, err := savedIn(j, id)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range saved.Entries {
				got = append(got, string(e))
			}
			if !slices.Equal(got, log) {
				t.Fatalf("the journal has %q, want %q", got, log)
			}
			if len(log) > 0 && (there != extent{base + 1, base + 1 + uint64(len(log))}) {
				t.Fatalf("the journal has entries %v behind %d", there, base)
			}
		}
	})
}
