package checkpoint

import (
	"cmp"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
)

// Version is the format version that this package writes, the only one it
// reads.
const Version = 1

const (
	// WasmPage is the unit of a memory's size in bytes.
	WasmPage = 1 << 16
	// MaxMemory is the largest memory in bytes: all that a 32-bit address
	// reaches.
	MaxMemory = 1 << 32
	// MaxName is the longest name of an actor, task or section in bytes.
	MaxName = 255
	// MaxTables and MaxSections bound what one manifest lists, so that it is
	// always smaller than MaxObject.
	MaxTables   = 256
	MaxSections = 64
)

// Order places a checkpoint among all of one name: by epoch, then by sequence.
type Order struct {
	// Epoch is the fencing number of the activation that wrote it, and
	// Sequence counts its checkpoints. Both are below 2^63.
	Epoch, Sequence uint64
}

// Compare is negative if o is older than p, 0 if they are the same.
func (o Order) Compare(p Order) int {
	return cmp.Or(cmp.Compare(o.Epoch, p.Epoch), cmp.Compare(o.Sequence, p.Sequence))
}

// String is "epoch.sequence".
func (o Order) String() string { return fmt.Sprintf("%d.%d", o.Epoch, o.Sequence) }

// Fuel is the work done, in units of the fuel version.
type Fuel struct {
	// Version is that of the prices (DESIGN §4.5).
	Version uint64 `cbor:"version"`
	// Used and Limit are below 2^63.
	Used  uint64 `cbor:"used"`
	Limit uint64 `cbor:"limit"`
}

// Manifest is the root of a checkpoint: everything else hangs below its links.
// doc.go has the encoding.
type Manifest struct {
	// Name is that of the actor or task, 1 to MaxName bytes of UTF-8.
	Name string
	Order
	// Time is when the instance was stopped for it, by the clock of its node,
	// to the nanosecond. Between 1970 and 2262.
	Time time.Time
	// Module is the CID of the module's bytes. Not a link: the module is kept
	// elsewhere, and pinning a checkpoint does not fetch it.
	Module cid.Cid
	// Owner is the public key whose signature the envelope bears, as libp2p
	// writes it (see [Signer]).
	Owner []byte
	// Previous is the checkpoint before this one, if any. Not a link either:
	// a checkpoint is whole without those before it.
	Previous cid.Cid
	Fuel     Fuel
	Memory   Memory
	// State holds what is not linear memory.
	State StateRefs
}

// Memory names a linear memory's pages.
type Memory struct {
	// Size is the memory's length in bytes, a multiple of WasmPage, at most
	// MaxMemory.
	Size uint64
	// Map is the root of the tree of map leaves, undefined if all pages are
	// zero.
	Map cid.Cid
	// Packs is the root of the tree of packs that map leaves refer to, and
	// PackCount the number of its places, used or not.
	Packs     cid.Cid
	PackCount uint32
}

// pages is the memory's length in pages.
func (m Memory) pages() int { return int(m.Size / PageSize) }

// StateRefs names the parts of a State.
type StateRefs struct {
	Globals         Blob
	Tables          []TableRef
	DroppedData     Blob
	DroppedElements Blob
	Sections        map[string]Blob
}

// TableRef names a table: Entries holds four bytes an element.
type TableRef struct {
	Type    ValueType `cbor:"type"`
	Entries Blob      `cbor:"entries"`
}

// wireManifest is the encoding of a Manifest. No key is longer than 23 bytes,
// and none is as short as the first (see encoding).
type wireManifest struct {
	Version  uint64          `cbor:"v"`
	Fuel     Fuel            `cbor:"fuel"`
	Name     string          `cbor:"name"`
	Time     uint64          `cbor:"time"`
	Epoch    uint64          `cbor:"epoch"`
	Owner    []byte          `cbor:"owner"`
	Memory   wireMemory      `cbor:"memory"`
	Module   []byte          `cbor:"module"`
	Tables   []TableRef      `cbor:"tables"`
	Globals  Blob            `cbor:"globals"`
	Previous []byte          `cbor:"previous,omitempty"`
	Sections map[string]Blob `cbor:"sections"`
	Sequence uint64          `cbor:"sequence"`
	Data     Blob            `cbor:"droppedData"`
	Elements Blob            `cbor:"droppedElements"`
}

type wireMemory struct {
	Map       link   `cbor:"map"`
	Page      uint64 `cbor:"page"`
	Size      uint64 `cbor:"size"`
	Packs     link   `cbor:"packs"`
	PackCount uint32 `cbor:"packCount"`
}

// Encode returns the manifest's only encoding.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	w := wireManifest{
		Version: Version, Fuel: m.Fuel, Name: m.Name, Time: uint64(m.Time.UnixNano()),
		Epoch: m.Epoch, Sequence: m.Sequence, Owner: m.Owner,
		Memory: wireMemory{link{m.Memory.Map}, PageSize, m.Memory.Size, link{m.Memory.Packs}, m.Memory.PackCount},
		Module: m.Module.Bytes(), Previous: m.Previous.Bytes(),
		Tables: m.State.Tables, Globals: m.State.Globals, Sections: m.State.Sections,
		Data: m.State.DroppedData, Elements: m.State.DroppedElements,
	}
	if w.Tables == nil {
		w.Tables = []TableRef{}
	}
	if w.Sections == nil {
		w.Sections = map[string]Blob{}
	}
	return encoding.Marshal(w)
}

// DecodeManifest is the inverse of Encode. Its errors wrap [ErrFormat].
func DecodeManifest(b []byte) (*Manifest, error) {
	var w wireManifest
	if err := decodeExact(b, &w); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if w.Version != Version || w.Memory.Page != PageSize || w.Time > math.MaxInt64 {
		return nil, fmt.Errorf("manifest of version %d, page size %d: %w", w.Version, w.Memory.Page, ErrFormat)
	}
	module, err := cid.Cast(w.Module)
	if err != nil {
		return nil, fmt.Errorf("manifest: module: %w: %w", ErrFormat, err)
	}
	m := &Manifest{
		Name: w.Name, Order: Order{w.Epoch, w.Sequence}, Time: time.Unix(0, int64(w.Time)).UTC(),
		Module: module, Owner: w.Owner, Fuel: w.Fuel,
		Memory: Memory{w.Memory.Size, w.Memory.Map.Cid, w.Memory.Packs.Cid, w.Memory.PackCount},
		State:  StateRefs{w.Globals, w.Tables, w.Data, w.Elements, w.Sections},
	}
	if len(w.Previous) > 0 {
		if m.Previous, err = parseID(w.Previous); err != nil {
			return nil, fmt.Errorf("manifest: previous: %w", err)
		}
	}
	return m, m.Validate()
}

// Validate reports the first field that is out of range. Its errors wrap
// [ErrFormat].
func (m *Manifest) Validate() error {
	wrong := m.wrong()
	if wrong == "" {
		return nil
	}
	return fmt.Errorf("manifest: %s: %w", wrong, ErrFormat)
}

func (m *Manifest) wrong() string {
	switch {
	case !validName(m.Name):
		return "name is not 1 to 255 bytes of UTF-8"
	case m.Epoch > math.MaxInt64 || m.Sequence > math.MaxInt64:
		return "epoch or sequence is not below 2^63"
	case m.Fuel.Used > math.MaxInt64 || m.Fuel.Limit > math.MaxInt64 || m.Fuel.Version > math.MaxInt64:
		return "fuel is not below 2^63"
	case !time.Unix(0, m.Time.UnixNano()).Equal(m.Time) || m.Time.UnixNano() < 0:
		return "time is not between 1970 and 2262"
	case !m.Module.Defined() || len(m.Module.Bytes()) > 128:
		return "no module"
	case len(m.Owner) == 0 || len(m.Owner) > maxKey:
		return "no owner"
	case m.Previous.Defined() && checkID(m.Previous) != nil:
		return "previous is not a checkpoint"
	}
	return cmp.Or(m.Memory.wrong(), m.State.wrong())
}

func (m Memory) wrong() string {
	switch {
	case m.Size > MaxMemory || m.Size%WasmPage != 0:
		return "memory size is not a multiple of 64 KiB up to 4 GiB"
	case m.Map.Defined() && (checkID(m.Map) != nil || m.Size == 0 || !m.Packs.Defined()):
		return "memory map without pages or packs"
	case m.Packs.Defined() != (m.PackCount > 0) || m.PackCount > maxPacks:
		return "pack count does not fit"
	case m.Packs.Defined() && (checkID(m.Packs) != nil || !m.Map.Defined()):
		return "packs without a map"
	}
	return ""
}

func (s StateRefs) wrong() string {
	if len(s.Tables) > MaxTables || len(s.Sections) > MaxSections {
		return "too many tables or sections"
	}
	for _, t := range s.Tables {
		if !t.Type.reference() {
			return "unknown table type"
		}
	}
	for name := range s.Sections {
		if !validName(name) || len(name) > maxSectionName {
			return "section name is not 1 to 23 bytes of UTF-8"
		}
	}
	return ""
}

// maxSectionName keeps the two orders of map keys the same (see encoding).
const maxSectionName = 23

func validName(s string) bool { return s != "" && len(s) <= MaxName && utf8.ValidString(s) }
