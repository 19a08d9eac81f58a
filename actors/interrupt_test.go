package actors_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-run/godwit/actors"
)

// The source or the target of a migration dies, a little later each time, so that every
// step of it is met: whatever happens, the actor answers afterwards, and has all that was
// acknowledged.
func TestMigrationInterrupted(t *testing.T) {
	c := newCluster(t, 3, nil)
	a := c.nodes[0]
	a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	count := 0
	for i := range 12 {
		after := time.Duration(i/2) * 2 * time.Millisecond
		s, err := c.but().Show(t.Context(), "counter")
		if err != nil || s.State == actors.StateUnavailable {
			t.Fatalf("it is %q before %d: %v", s.State, i, err)
		}
		source := c.node(s.Node)
		target := c.but(source)
		client := c.but(source, target)
		victim := []*node{source, target}[i%2]
		moved := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_, err := client.Migrate(ctx, "counter", actors.MigrateOptions{To: target.id})
			moved <- err
		}()
		<-time.After(after)
		victim.kill()
		for range 3 {
			count++
			client.ask("counter", "inc", fmt.Sprint(count))
		}
		t.Logf("%s dies after %v: the migration ended with %v", []string{"source", "target"}[i%2], after, <-moved)
		victim.start()
		c.await("all replicas", func() bool {
			s, err := client.Show(t.Context(), "counter")
			alive := 0
			for _, r := range s.Replicas {
				if r.Alive {
					alive++
				}
			}
			return err == nil && alive == 3
		})
	}
}

// An actor goes into a file and comes back as another one, with its memory.
func TestSnapshotAndRestore(t *testing.T) {
	c := newCluster(t, 3, nil)
	a := c.nodes[0]
	a.create("counter", actors.CreateOptions{Module: c.module("counter")})
	a.ask("counter", "add 41", "41")
	var file bytes.Buffer
	if err := c.nodes[1].Snapshot(t.Context(), "counter", &file); err != nil {
		t.Fatal(err)
	}
	a.ask("counter", "inc", "42")
	if _, err := c.nodes[2].Restore(t.Context(), "copy", bytes.NewReader(file.Bytes())); err != nil {
		t.Fatal(err)
	}
	a.ask("copy", "inc", "42")
	a.ask("counter", "inc", "43")
	if _, err := a.Restore(t.Context(), "copy", bytes.NewReader(file.Bytes())); !errors.Is(err, actors.ErrExists) {
		t.Errorf("restored under a name that is taken: %v", err)
	}
	if _, err := a.Restore(t.Context(), "third", bytes.NewReader(file.Bytes()[:file.Len()/2])); !errors.Is(err, actors.ErrInvalid) {
		t.Errorf("restored half a file: %v", err)
	}
}

// An actor changes its module between two messages, and back; one that cannot take over
// its state is refused, and nothing has changed.
func TestUpgrade(t *testing.T) {
	c := newCluster(t, 3, nil)
	a := c.nodes[0]
	old := c.module("counter")
	a.create("counter", actors.CreateOptions{Module: old})
	a.ask("counter", "add 5", "5")
	other := c.modules.add(withSection(t, c.modules.code[old]))
	for _, o := range []actors.UpgradeOptions{{Module: other, DryRun: true}, {Module: other}, {Rollback: true}} {
		if _, err := c.nodes[1].Upgrade(t.Context(), "counter", o); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		a.ask("counter", "get", "5")
	}
	if _, err := a.Upgrade(t.Context(), "counter", actors.UpgradeOptions{Module: c.module("bank")}); err == nil {
		t.Error("a counter has become a bank")
	}
	a.ask("counter", "inc", "6")
}

// withSection is a module that does the same and is another one.
func withSection(t *testing.T, code []byte) []byte {
	t.Helper()
	return append(slices.Clone(code), 0, 3, 2, 'x', 'y')
}

// What a process knows is on its stack, which no other module can take over: its upgrade
// is refused in words, and it goes on.
func TestUpgradeOfProcessIsRefused(t *testing.T) {
	c := newCluster(t, 1, nil)
	a := c.nodes[0]
	code, err := os.ReadFile("activation/testdata/process.wasm")
	if err != nil {
		t.Fatal(err)
	}
	a.create("loops", actors.CreateOptions{Module: c.modules.add(code)})
	a.ask("loops", "inc", "1")
	other := c.modules.add(withSection(t, code))
	for _, o := range []actors.UpgradeOptions{{Module: other, DryRun: true}, {Module: other}} {
		_, err = a.Upgrade(t.Context(), "loops", o)
		refused, ok := errors.AsType[*actors.RefusedError](err)
		if !ok || !strings.Contains(refused.Reason, "a process has no way to hand over its state") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	a.ask("loops", "inc", "2")
}
