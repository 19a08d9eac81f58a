package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	mathrand "math/rand/v2"

	"pgregory.net/rapid"

	"github.com/godwit-run/godwit/checkpoint"
)

// Whatever is kept can be restored, after any retention, collection and
// reopening, and what is collected is really gone.
func TestKeptIsRestorable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := newFaultFS()
		cfg := testConfig(fs)
		cfg.MinLive = rapid.SampledFrom([]float64{0.1, 0.5, 1}).Draw(t, "minLive")
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		rng := mathrand.New(mathrand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		actors := []*actor{newActor("a"), newActor("b")}
		for _, a := range actors {
			if err := a.begin(s); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			a := actors[rng.IntN(2)]
			switch rapid.SampledFrom([]string{"save", "save", "save", "retain", "collect", "reopen"}).Draw(t, "step") {
			case "save":
				a.live(rng, 30)
				err = a.save(s)
			case "retain":
				err = a.retain(s, drawPolicy(t))
			case "collect":
				_, err = s.Collect(context.Background())
			case "reopen":
				if err = s.Close(); err == nil {
					s, err = Open(cfg)
				}
				for _, a := range actors {
					err = firstOf(err, a.begin(s))
				}
			}
			for _, a := range actors {
				err = firstOf(err, a.check(s))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func firstOf(err, then error) error {
	if err != nil {
		return err
	}
	return then
}

func drawPolicy(t *rapid.T) checkpoint.Policy {
	return checkpoint.Policy{
		Last:     rapid.IntRange(0, 3).Draw(t, "last"),
		Within:   time.Duration(rapid.IntRange(0, 4).Draw(t, "within")) * time.Second,
		Every:    []checkpoint.Period{{Length: 3 * time.Second, Count: rapid.IntRange(-1, 3).Draw(t, "every")}},
		MaxBytes: rapid.Uint64Range(0, 200<<10).Draw(t, "bytes"),
	}
}

// A store in which everything but the newest is removed shrinks to about what
// that one needs.
func TestCollectFrees(t *testing.T) {
	s := open(t, testConfig(newFaultFS()))
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		a.live(rng, 20)
		if err := a.save(s); err != nil {
			t.Fatal(err)
		}
	}
	before := s.Usage()
	if err := a.retain(s, checkpoint.Policy{Last: 1}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was active the first time
		if _, err := s.Collect(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	after, need := s.Usage(), int64(s.BytesOf(s.List("a")))
	if after.Live != need || after.Bytes > 2*need+2*s.cfg.SegmentBytes || after.Bytes*4 > before.Bytes {
		t.Errorf("before %+v, after %+v; the newest needs %d bytes", before, after, need)
	}
	if err := a.check(s); err != nil {
		t.Error(err)
	}
}

// A batch in progress keeps what it put, and what it asked for.
func TestCollectSparesBatches(t *testing.T) {
	s := open(t, testConfig(newFaultFS()))
	mine := checkpoint.NewRaw([]byte("put, not committed"))
	old := checkpoint.NewRaw([]byte("left by somebody"))
	first := s.Begin()
	for _, o := range []checkpoint.Object{old} {
		if err := first.Put(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.flush(&group{}); err != nil {
		t.Fatal(err)
	}
	first.Close()
	b := s.Begin()
	if !b.Has(old.ID) {
		t.Fatal("what was flushed is not there")
	}
	if err := b.Put(mine); err != nil {
		t.Fatal(err)
	}
	if err := b.flush(&group{}); err != nil {
		t.Fatal(err)
	}
	seen, since, err := s.markAll()
	if err != nil {
		t.Fatal(err)
	}
	b.Close() // committed, for all that the marking knows
	if n := s.sweep(seen, since); n > 0 {
		t.Errorf("%d objects of a batch that ended meanwhile were collected", n)
	}
	b = s.Begin()
	b.Has(mine.ID)
	b.Has(old.ID)
	for i, want := range []bool{true, false} {
		if _, err := s.Collect(context.Background()); err != nil {
			t.Fatal(err)
		}
		if s.Has(mine.ID) != want || s.Has(old.ID) != want {
			t.Errorf("round %d: has %v, %v, want %v", i, s.Has(mine.ID), s.Has(old.ID), want)
		}
		b.Close()
	}
}

func TestPlanSaysWhy(t *testing.T) {
	s := open(t, testConfig(newFaultFS()))
	rng := mathrand.New(mathrand.NewPCG(1, 1))
	a := newActor("a")
	if err := a.begin(s); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		a.live(rng, 2)
		if err := a.save(s); err != nil {
			t.Fatal(err)
		}
	}
	p := checkpoint.Policy{Last: 2, Every: []checkpoint.Period{{Length: 2 * time.Second, Count: 2}}}
	pinned := s.List("a")[0].ID
	d, err := s.Plan("a", p, testStart, pinned.Equals)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, k := range d.Keep {
		got += fmt.Sprintf("keep %s %q\n", k.Order, k.Reasons)
	}
	for _, k := range d.Remove {
		got += fmt.Sprintf("remove %s %q\n", k.Order, k.Reasons)
	}
	want := `keep 1.6 ["newest" "one of the last 2" "newest of its 2s"]
keep 1.5 ["one of the last 2" "newest of its 2s"]
keep 1.1 ["pinned"]
remove 1.4 ["no rule keeps it"]
remove 1.3 ["no rule keeps it"]
remove 1.2 ["no rule keeps it"]
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}
