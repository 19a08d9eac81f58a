package wire

import (
	"fmt"
	"time"
)

const (
	// MaxModels is how many models a vector names.
	MaxModels = 64
	// MaxFilter is the largest filter over pinned blobs, in bytes.
	MaxFilter = 8 << 10
	// MaxVector is the largest envelope of a vector, in bytes.
	MaxVector = 64 << 10
	// MaxEvery is the longest time between two vectors of a node.
	MaxEvery = time.Hour
)

// Vector is what a node says of itself to the mesh, again and again and when its
// capacity has changed by a tenth.
type Vector struct {
	Node NodeID `cbor:"node" json:"node"`
	// Started is when the node started, and Seq counts its vectors since: the
	// pair only grows, so that old ones are known as such.
	Started int64  `cbor:"started" json:"started"` // milliseconds since 1970
	Seq     uint64 `cbor:"seq" json:"seq"`

	Total Capacity `cbor:"total" json:"total"`
	Free  Capacity `cbor:"free" json:"free"`
	// Running tasks there, and Queued ones that it has accepted as a submitter.
	Running uint32 `cbor:"running" json:"running"`
	Queued  uint32 `cbor:"queued" json:"queued"`
	// Draining nodes take no new work; one that leaves says so in its last vector.
	Draining bool `cbor:"draining,omitempty" json:"draining,omitempty"`
	Leaving  bool `cbor:"leaving,omitempty" json:"leaving,omitempty"`

	Version string            `cbor:"version,omitempty" json:"version,omitempty"`
	Region  string            `cbor:"region,omitempty" json:"region,omitempty"`
	Labels  map[string]string `cbor:"labels,omitempty" json:"labels,omitempty"`
	Models  []string          `cbor:"models,omitempty" json:"models,omitempty"`
	// Blobs is a filter over what it has pinned.
	Blobs Filter `cbor:"blobs,omitempty" json:"-"`
	// Cost in millionths of a credit for 1000 units of fuel.
	Cost uint64 `cbor:"cost,omitempty" json:"cost,omitempty"`
	// Every is after what time its next vector comes at the latest: longer in a
	// large mesh. Zero is not said.
	Every time.Duration `cbor:"every,omitempty" json:"every,omitempty"`
}

// Signer implements Record.
func (v Vector) Signer() NodeID { return v.Node }

// Validate implements Body.
func (v Vector) Validate() error {
	if v.Node.Validate() != nil || v.Started < 0 || v.Seq == 0 {
		return fmt.Errorf("vector: node, start or number: %w", ErrInvalid)
	}
	if len(v.Labels) > MaxLabels || len(v.Models) > MaxModels || len(v.Blobs) > MaxFilter || v.Cost > 1<<62 {
		return fmt.Errorf("vector: too many labels, models or blobs: %w", ErrInvalid)
	}
	if v.Every < 0 || v.Every > MaxEvery {
		return fmt.Errorf("vector: the next one after %v: %w", v.Every, ErrInvalid)
	}
	for k, l := range v.Labels {
		if err := first(checkText("label", k, 1, 128), checkText("label", l, 0, 128)); err != nil {
			return err
		}
	}
	for _, m := range v.Models {
		if err := checkText("model", m, 1, 128); err != nil {
			return err
		}
	}
	return first(v.Total.Validate(), v.Free.Validate(), checkText("version", v.Version, 0, 64), checkText("region", v.Region, 0, 128))
}

// After tells whether v was made after other, by the same node.
func (v *Vector) After(other *Vector) bool {
	return v.Started > other.Started || v.Started == other.Started && v.Seq > other.Seq
}

// StartedAt is Started as a time.
func (v *Vector) StartedAt() time.Time { return time.UnixMilli(v.Started) }

// HasLabel tells whether the node has the label K=V; "region" is its region.
func (v *Vector) HasLabel(key, value string) bool {
	if key == "region" && v.Region == value {
		return true
	}
	has, ok := v.Labels[key]
	return ok && has == value
}
