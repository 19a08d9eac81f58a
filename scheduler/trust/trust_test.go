package trust_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/scheduler/trust"
	"github.com/godwit-run/godwit/scheduler/wire"
)

func node(n byte) wire.NodeID {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return wire.NodeIDOf(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

func TestTable(t *testing.T) {
	a, b, c, d := node(1), node(2), node(3), node(4)
	table, err := trust.Parse(fmt.Appendf(nil, `
default = 0.2
[groups.partners]
trust = 0.8
members = [%[1]q, %[2]q, %[3]q]
[groups.visitors]
trust = 0.4
members = [%[2]q]
[peers]
%[3]q = 1
`, a, b, c))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[wire.NodeID]float64{a: 0.8, b: 0.4, c: 1, d: 0.2} {
		if got := table.Of(id); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if trust.Everyone().Of(a) != 0.5 {
		t.Error("not as usual")
	}
}

func TestEmptyTableTrustsAsUsual(t *testing.T) {
	table, err := trust.Parse(nil)
	if err != nil || table.Of(node(1)) != trust.Usual {
		t.Error(table.Of(node(1)), err)
	}
}

func TestBadTables(t *testing.T) {
	for doc, want := range map[string]string{
		`default = 1.5`:  "not from 0 to 1",
		`default = nan`:  "not from 0 to 1",
		"\ndefalt = 0.5": "line 2: unknown key",
		"\n\ndefault = ": "line 3",
		`[peers]` + "\n" + `"12D3KooWnobody" = 0.5`:       "node id",
		fmt.Sprintf("[peers]\n%q = -0.1", node(1)):        "not from 0 to 1",
		"[groups.x]\nmembers = []":                        "no trust",
		"[groups.x]\ntrust = 2":                           "not from 0 to 1",
		"[groups.x]\ntrust = 0.5\nmembers = [\"a\"]":      "node id",
		strings.Repeat("#", trust.MaxText+1):              "larger than",
		fmt.Sprintf("[peers]\n%q = \"much\"", node(1)):    "line 2",
		"[groups.x]\ntrust = 0.5\nmember = [\"a\"]":       "unknown key",
		fmt.Sprintf("[peers]\n%[1]q=1\n%[1]q=0", node(1)): "line 3",
	} {
		if _, err := trust.Parse([]byte(doc)); !errors.Is(err, trust.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", doc, err, want)
		}
	}
}

// Whatever the text, a table that is accepted trusts from 0 to 1.
func FuzzParse(f *testing.F) {
	f.Add([]byte("default = 0.2"))
	f.Add(fmt.Appendf(nil, "[groups.a]\ntrust = 0.1\nmembers = [%q]\n[peers]\n%[1]q = 1", node(1)))
	f.Fuzz(func(t *testing.T, doc []byte) {
		table, err := trust.Parse(doc)
		if err != nil {
			return
		}
		for _, id := range []wire.NodeID{node(1), node(2)} {
			if got := table.Of(id); !(got >= 0 && got <= 1) {
				t.Errorf("%v", got)
			}
		}
	})
}
