package runtime

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// specValue is a value in a script: an argument, or a pattern for a result.
type specValue struct {
	Type     string          `json:"type"`
	LaneType string          `json:"lane_type"`
	Value    json.RawMessage `json:"value"` // a string, or a list of strings, one a lane
}

// lanes gives the type and the texts of all lanes; a number is one lane.
func (v specValue) lanes() (typ string, texts []string) {
	if v.Type == "v128" {
		if err := json.Unmarshal(v.Value, &texts); err != nil {
			panic(err)
		}
		return v.LaneType, texts
	}
	var text string
	if len(v.Value) > 0 {
		if err := json.Unmarshal(v.Value, &text); err != nil {
			panic(err)
		}
	}
	return v.Type, []string{text}
}

func isReference(typ string) bool { return strings.HasSuffix(typ, "ref") || typ == "refnull" }

func laneBits(typ string) int {
	switch typ {
	case "i8":
		return 8
	case "i16":
		return 16
	case "i32", "f32":
		return 32
	default:
		return 64
	}
}

// laneValue is a number of the given type. An external reference is a number
// too, to wazero an address: the null one is 0, so others count from 1.
func laneValue(typ, text string) uint64 {
	if isReference(typ) {
		if text == "null" || text == "" {
			return 0
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			panic(err)
		}
		return n + 1
	}
	bits := laneBits(typ)
	if u, err := strconv.ParseUint(text, 10, bits); err == nil {
		return u
	}
	i, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		panic(err)
	}
	return uint64(i) << (64 - bits) >> (64 - bits)
}

// slotsOf gives arguments as calls want them.
func slotsOf(values []specValue) []uint64 {
	var slots []uint64
	for _, v := range values {
		typ, texts := v.lanes()
		vector := make([]uint64, max(1, len(texts)*laneBits(typ)/64))
		for i, text := range texts {
			at := i * laneBits(typ)
			vector[at/64] |= laneValue(typ, text) << (at % 64)
		}
		slots = append(slots, vector...)
	}
	return slots
}

// matchAll compares results with patterns and tells what is wrong.
func matchAll(got []uint64, want []specValue) string {
	for i, v := range want {
		typ, texts := v.lanes()
		n := max(1, len(texts)*laneBits(typ)/64)
		if len(got) < n {
			return "too few results"
		}
		for j, text := range texts {
			at, bits := j*laneBits(typ), laneBits(typ)
			lane := got[at/64] >> (at % 64) << (64 - bits) >> (64 - bits)
			if !matchLane(lane, typ, text) {
				return fmt.Sprintf("result %d: %#x, want %s %s", i, lane, typ, text)
			}
		}
		got = got[n:]
	}
	if len(got) > 0 {
		return "too many results"
	}
	return ""
}

// matchLane compares a number with a pattern. A canonical NaN has only the top
// bit of its payload set, an arithmetic one at least that.
func matchLane(lane uint64, typ, text string) bool {
	quiet, sign := uint64(0x7ff8000000000000), uint64(1)<<63
	if typ == "f32" {
		quiet, sign = 0x7fc00000, 1<<31
	}
	switch {
	case text == "nan:canonical":
		return lane&^sign == quiet
	case text == "nan:arithmetic":
		return lane&quiet == quiet
	case isReference(typ) && text == "":
		return true // any
	case typ == "funcref" && text != "null":
		return lane != 0
	default:
		return lane == laneValue(typ, text)
	}
}
