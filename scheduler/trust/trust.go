package trust

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	// Usual is how far a node is trusted of which nothing is said.
	Usual = 0.5
	// MaxText is the largest text of a table, in bytes.
	MaxText = 1 << 20
)

// Table says how far nodes are trusted, each from 0 to 1. It does not change once it
// is made. The zero Table trusts nobody; see [Everyone].
type Table struct {
	usual float64
	peers map[wire.NodeID]float64
}

// Everyone is the table that trusts all nodes as usual.
func Everyone() Table { return Table{usual: Usual} }

// Of is how far a node is trusted.
func (t Table) Of(id wire.NodeID) float64 {
	if trust, ok := t.peers[id]; ok {
		return trust
	}
	return t.usual
}

// Len is the number of nodes of which something is said.
func (t Table) Len() int { return len(t.peers) }

// text is a table as people write it.
type text struct {
	Default *float64           `toml:"default"`
	Peers   map[string]float64 `toml:"peers"`
	Groups  map[string]group   `toml:"groups"`
}

type group struct {
	Trust   *float64 `toml:"trust"`
	Members []string `toml:"members"`
}

// ErrInvalid is wrapped by the errors of Parse.
var ErrInvalid = errors.New("no table of trust")

// Parse reads a table; see the package documentation for its form. Errors wrap
// [ErrInvalid].
func Parse(doc []byte) (Table, error) {
	if len(doc) > MaxText {
		return Table{}, fmt.Errorf("%w: larger than %d bytes", ErrInvalid, MaxText)
	}
	var in text
	if err := toml.NewDecoder(bytes.NewReader(doc)).DisallowUnknownFields().Decode(&in); err != nil {
		return Table{}, fmt.Errorf("%w: %w", ErrInvalid, located(err))
	}
	t := Table{usual: Usual, peers: make(map[wire.NodeID]float64)}
	if in.Default != nil {
		t.usual = *in.Default
	}
	if err := check("default", t.usual); err != nil {
		return Table{}, err
	}
	if err := t.addGroups(in.Groups); err != nil {
		return Table{}, err
	}
	return t, t.addPeers(in.Peers)
}

// located says in which line an error is, if it knows.
func located(err error) error {
	var decode *toml.DecodeError
	var strict *toml.StrictMissingError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		line, _ := strict.Errors[0].Position()
		return fmt.Errorf("line %d: unknown key %s", line, strings.Join(strict.Errors[0].Key(), "."))
	case errors.As(err, &decode):
		line, _ := decode.Position()
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// addGroups: a node in several groups is trusted as the least of them is.
func (t *Table) addGroups(groups map[string]group) error {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		if g.Trust == nil {
			return fmt.Errorf("%w: group %.40q has no trust", ErrInvalid, name)
		}
		if err := check("group "+name, *g.Trust); err != nil {
			return err
		}
		for _, member := range g.Members {
			id, err := wire.ParseNodeID(member)
			if err != nil {
				return fmt.Errorf("%w: group %.40q: %w", ErrInvalid, name, err)
			}
			if had, ok := t.peers[id]; !ok || *g.Trust < had {
				t.peers[id] = *g.Trust
			}
		}
	}
	return nil
}

// addPeers: what is said of a node itself goes over what is said of its groups.
func (t *Table) addPeers(peers map[string]float64) error {
	for _, name := range slices.Sorted(maps.Keys(peers)) {
		id, err := wire.ParseNodeID(name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if err := check(name, peers[name]); err != nil {
			return err
		}
		t.peers[id] = peers[name]
	}
	return nil
}

func check(what string, trust float64) error {
	if !(trust >= 0 && trust <= 1) { // also true of NaN
		return fmt.Errorf("%w: %.60s: %v, not from 0 to 1", ErrInvalid, what, trust)
	}
	return nil
}
