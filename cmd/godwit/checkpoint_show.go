package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

func newCheckpointShow(folder *storeFolder) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use:   "show CHECKPOINT",
		Short: "Show what a checkpoint holds",
		Long: `Shows a checkpoint: when and by whom it was made, the fuel used, the memory and
how its pages are kept, every global, the tables and the sections. CHECKPOINT is
a name, for the newest; NAME@EPOCH.SEQUENCE; or the first letters of a CID. The
pages are not read: see verify.`,
		Example: `  godwit checkpoint show counter
  godwit checkpoint show counter@3.17 -o json | jq .globals`,
		Args:              exactlyCheckpoint,
		ValidArgsFunction: completeNames(folder, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := folder.read()
			if err != nil {
				return err
			}
			defer s.Close()
			ref, err := findCheckpoint(s, args[0])
			if err != nil {
				return err
			}
			v, err := viewCheckpoint(s, ref)
			if err != nil {
				return err
			}
			if err := render.Print(cmd.OutOrStdout(), format, v, v.table); err != nil {
				return err
			}
			if len(v.Damage) > 0 {
				return damagedError{damaged: 1, of: 1}
			}
			return nil
		},
	}
	addFormat(cmd, &format)
	return cmd
}

// checkpointView is what `godwit checkpoint show` prints.
type checkpointView struct {
	Name     string    `json:"name"`
	Epoch    uint64    `json:"epoch"`
	Sequence uint64    `json:"sequence"`
	CID      string    `json:"cid"`
	Root     string    `json:"root"`
	Time     time.Time `json:"time"`
	Module   string    `json:"module"`
	// Owner is the peer ID of the key that signed it, OwnerKey that key.
	Owner     string        `json:"owner"`
	OwnerKey  []byte        `json:"owner_key"`
	Signature string        `json:"signature"`
	Previous  *previousView `json:"previous"` // null in the first
	Fuel      fuelView      `json:"fuel"`
	Memory    pagesView     `json:"memory"`
	// DiskBytes is what it takes, AddedBytes what those before it do not have.
	DiskBytes       uint64        `json:"disk_bytes"`
	AddedBytes      uint64        `json:"added_bytes"`
	Globals         []globalView  `json:"globals"`
	Tables          []entriesView `json:"tables"`
	DroppedData     []uint32      `json:"dropped_data"`
	DroppedElements []uint32      `json:"dropped_elements"`
	Sections        []sectionView `json:"sections"`
	// Damage is what could not be read.
	Damage []string `json:"damage"`
}

type previousView struct {
	CID string `json:"cid"`
	// Here tells whether this store has it too.
	Here bool `json:"here"`
}

type fuelView struct {
	Used    uint64 `json:"used"`
	Limit   uint64 `json:"limit"`
	Version uint64 `json:"version"`
}

// pagesView is a linear memory and where its pages are.
type pagesView struct {
	Bytes uint64 `json:"bytes"`
	Pages int    `json:"pages"`
	// Kept pages are those that are not zero.
	Kept  int `json:"kept_pages"`
	Packs int `json:"packs"`
}

type globalView struct {
	Type string `json:"type"`
	// Value is in hexadecimal, as many digits as the type has.
	Value string `json:"value"`
}

type entriesView struct {
	Type    string `json:"type"`
	Entries int    `json:"entries"`
	// Set entries refer to something.
	Set int `json:"set"`
}

type sectionView struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

// viewCheckpoint reads a checkpoint but for its pages. What is damaged is left
// out, and named.
func viewCheckpoint(s *store.Store, ref checkpoint.Ref) (checkpointView, error) {
	signed, err := s.Load(ref.ID)
	if err != nil {
		return checkpointView{}, hintedError{fmt.Errorf("checkpoint %s: %w", title(ref), err), "godwit checkpoint verify tells what is damaged"}
	}
	root, _, _ := checkpoint.RootOf(signed)
	v := checkpointView{
		Name: signed.Name, Epoch: signed.Epoch, Sequence: signed.Sequence, CID: signed.ID.String(), Root: root.ID.String(),
		Time: signed.Time, Module: signed.Module.String(), Owner: peerID(signed.Owner), OwnerKey: signed.Owner,
		Signature: "valid", // else Load had failed
		Fuel:      fuelView{signed.Fuel.Used, signed.Fuel.Limit, signed.Fuel.Version},
		DiskBytes: s.BytesOf([]checkpoint.Ref{ref}), AddedBytes: addedBy(s, ref), Damage: []string{},
	}
	if signed.Previous.Defined() {
		v.Previous = &previousView{signed.Previous.String(), s.Has(signed.Previous)}
	}
	v.addMemory(signed.Memory, s)
	v.addState(signed.Manifest, s)
	return v, nil
}

// addedBy is what a checkpoint adds to those before it of its name.
func addedBy(s *store.Store, ref checkpoint.Ref) uint64 {
	refs := s.List(ref.Name)
	for i, added := range s.Added(refs) {
		if refs[i].ID == ref.ID {
			return added
		}
	}
	return 0
}

func (v *checkpointView) addMemory(m checkpoint.Memory, g checkpoint.Getter) {
	v.Memory = pagesView{Bytes: m.Size, Pages: int(m.Size / checkpoint.PageSize)}
	im, err := checkpoint.LoadImage(m, g)
	if err != nil {
		v.Damage = append(v.Damage, err.Error())
		return
	}
	packs := map[string]bool{}
	for _, e := range im.Extents() {
		v.Memory.Kept += e.Count
		packs[e.Pack.KeyString()] = true
	}
	v.Memory.Packs = len(packs)
}

func (v *checkpointView) addState(m *checkpoint.Manifest, g checkpoint.Getter) {
	v.Globals, v.Tables, v.Sections = []globalView{}, []entriesView{}, []sectionView{}
	v.DroppedData, v.DroppedElements = []uint32{}, []uint32{}
	state, err := m.ReadState(g)
	if err != nil {
		v.Damage = append(v.Damage, err.Error())
		return
	}
	for _, global := range state.Globals {
		v.Globals = append(v.Globals, viewGlobal(global))
	}
	for _, t := range state.Tables {
		v.Tables = append(v.Tables, viewEntries(t))
	}
	v.DroppedData = append(v.DroppedData, state.DroppedData...)
	v.DroppedElements = append(v.DroppedElements, state.DroppedElements...)
	for _, name := range slices.Sorted(maps.Keys(state.Sections)) {
		v.Sections = append(v.Sections, sectionView{name, len(state.Sections[name])})
	}
}

func viewGlobal(g checkpoint.Global) globalView {
	switch g.Type {
	case checkpoint.I32, checkpoint.F32:
		return globalView{typeName(g.Type), fmt.Sprintf("0x%08x", g.Lo)}
	case checkpoint.V128:
		return globalView{typeName(g.Type), fmt.Sprintf("0x%016x%016x", g.Hi, g.Lo)}
	}
	return globalView{typeName(g.Type), fmt.Sprintf("0x%016x", g.Lo)}
}

func typeName(t checkpoint.ValueType) string {
	names := map[checkpoint.ValueType]string{
		checkpoint.I32: "i32", checkpoint.I64: "i64", checkpoint.F32: "f32", checkpoint.F64: "f64", checkpoint.V128: "v128",
		checkpoint.FuncRef: "funcref", checkpoint.ExternRef: "externref",
	}
	return names[t]
}

func viewEntries(t checkpoint.Table) entriesView {
	v := entriesView{Type: typeName(t.Type), Entries: len(t.Entries)}
	for _, e := range t.Entries {
		if e != checkpoint.Null {
			v.Set++
		}
	}
	return v
}

// table prints the checkpoint for people.
func (v checkpointView) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, render.Printable(fmt.Sprintf(format, args...)))
	}
	row("name", "%s", v.Name)
	row("order", "%d.%d (epoch, sequence)", v.Epoch, v.Sequence)
	row("cid", "%s", v.CID)
	row("root", "%s (pin this)", v.Root)
	row("captured", "%s", v.Time.Format(time.RFC3339Nano))
	row("module", "%s", v.Module)
	row("owner", "%s", v.Owner)
	row("signature", "%s, by the owner", v.Signature)
	row("previous", "%s", v.Previous)
	row("fuel", "%s", v.Fuel)
	row("memory", "%s", v.Memory)
	row("on disk", "%s, %s more than those before it", units.Size(v.DiskBytes).Approx(), units.Size(v.AddedBytes).Approx())
	row("globals", "%d", len(v.Globals))
	for i, g := range v.Globals {
		row(fmt.Sprintf("  %d", i), "%s %s", g.Type, g.Value)
	}
	row("tables", "%d", len(v.Tables))
	for i, e := range v.Tables {
		row(fmt.Sprintf("  %d", i), "%s, %d of %d entries set", e.Type, e.Set, e.Entries)
	}
	row("dropped data", "%s", indices(v.DroppedData))
	row("dropped elements", "%s", indices(v.DroppedElements))
	row("sections", "%d", len(v.Sections))
	for _, s := range v.Sections {
		row("  "+render.Printable(s.Name), "%s bytes", units.Count(uint64(s.Bytes)))
	}
	for _, d := range v.Damage {
		row("damage", "%s", d)
	}
	return t.Flush()
}

func (p *previousView) String() string {
	switch {
	case p == nil:
		return "none: the first"
	case p.Here:
		return p.CID
	}
	return p.CID + " (not in this store, and not needed)"
}

func (f fuelView) String() string {
	limit := "no limit"
	if f.Limit > 0 && f.Limit < runtime.MaxFuel {
		limit = "limit " + units.Count(f.Limit)
	}
	return fmt.Sprintf("%s used, %s, version %d", units.Count(f.Used), limit, f.Version)
}

func (m pagesView) String() string {
	return fmt.Sprintf("%s, %s of %s pages not zero, in %s packs", units.Size(m.Bytes),
		units.Count(uint64(m.Kept)), units.Count(uint64(m.Pages)), units.Count(uint64(m.Packs)))
}

// indices lists segment indices, few or many.
func indices(all []uint32) string {
	const enough = 16
	if len(all) == 0 {
		return "none"
	}
	text := strings.Trim(fmt.Sprint(all[:min(len(all), enough)]), "[]")
	if len(all) > enough {
		text += fmt.Sprintf(" and %d more", len(all)-enough)
	}
	return text
}
