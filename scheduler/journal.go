package scheduler

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/godwit-run/godwit/scheduler/wire"
)

// journalVersion is the first field of every record's value.
const journalVersion = 1

// runRecord is what an executor keeps of a run: without an envelope it was
// accepted, with one it has ended.
type runRecord struct {
	Version   uint64      `cbor:"v"`
	Submitter wire.NodeID `cbor:"submitter"`
	wire.Ref
	Ended    time.Time `cbor:"ended,omitzero"`
	Envelope []byte    `cbor:"envelope,omitempty"`
}

// taskRecord is what a submitter keeps of a task and rewrites with every change.
type taskRecord struct {
	Version  uint64      `cbor:"v"`
	ID       wire.TaskID `cbor:"id"`
	Client   string      `cbor:"client,omitempty"`
	Key      string      `cbor:"key,omitempty"`
	State    State       `cbor:"state"`
	Reason   wire.Reason `cbor:"reason,omitempty"`
	Message  string      `cbor:"message,omitempty"`
	Failures int         `cbor:"failures,omitempty"`
	Number   uint32      `cbor:"number,omitempty"`
	Attempts []Attempt   `cbor:"attempts,omitempty"`
	Created  time.Time   `cbor:"created"`
	Started  time.Time   `cbor:"started,omitzero"`
	Ended    time.Time   `cbor:"ended,omitzero"`
	Envelope []byte      `cbor:"envelope,omitempty"`
	Rounds   []Round     `cbor:"rounds,omitempty"`
}

// specRecord is what a submitter keeps of a task and writes once.
type specRecord struct {
	Version uint64    `cbor:"v"`
	Spec    wire.Spec `cbor:"spec"`
}

// The keys' beginnings.
const (
	runPrefix  = "run/"
	taskPrefix = "task/"
	specPrefix = "spec/"
)

func runKey(r Run) string { return runPrefix + r.Submitter.String() + "/" + r.Ref.String() }

var (
	journalEncoding = must(func() (cbor.EncMode, error) {
		o := cbor.CoreDetEncOptions()
		o.Time = cbor.TimeRFC3339NanoUTC
		return o.EncMode()
	}())
	journalDecoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   8,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options and values that always encode
	}
	return v
}

func encodeRecord(v any) []byte { return must(journalEncoding.Marshal(v)) }

func decodeRecord[T any](r Record, version func(*T) uint64) (T, error) {
	var v T
	if err := journalDecoding.Unmarshal(r.Value, &v); err != nil {
		return v, fmt.Errorf("record %q: %w: %w", r.Key, ErrJournal, err)
	}
	if got := version(&v); got != journalVersion {
		return v, fmt.Errorf("record %q is of version %d, not %d: %w", r.Key, got, journalVersion, ErrJournal)
	}
	return v, nil
}
