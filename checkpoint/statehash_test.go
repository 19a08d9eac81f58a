package checkpoint

import (
	"bytes"
	"fmt"
	"testing"
)

// Every part of a state has its say in the hash, and none passes for another.
func TestHashStateTellsApart(t *testing.T) {
	base := func() (uint64, *State, []byte) {
		return 7, &State{
			Globals:     []Global{{I32, 1, 0}, {V128, 2, 3}},
			Tables:      []Table{{FuncRef, []uint32{1, Null}}, {FuncRef, nil}},
			DroppedData: []uint32{0}, Sections: map[string][]byte{"a": {1}, "b": nil},
		}, make([]byte, 3*PageSize)
	}
	changes := map[string]func(used *uint64, s *State, mem []byte){
		"nothing":         func(*uint64, *State, []byte) {},
		"fuel":            func(used *uint64, _ *State, _ []byte) { *used++ },
		"a global":        func(_ *uint64, s *State, _ []byte) { s.Globals[1].Hi++ },
		"a global's type": func(_ *uint64, s *State, _ []byte) { s.Globals[0].Type = F32 },
		"an entry":        func(_ *uint64, s *State, _ []byte) { s.Tables[0].Entries[1] = 0 },
		"entries moved":   func(_ *uint64, s *State, _ []byte) { s.Tables[0], s.Tables[1] = s.Tables[1], s.Tables[0] },
		"another drop":    func(_ *uint64, s *State, _ []byte) { s.DroppedData, s.DroppedElements = nil, s.DroppedData },
		"a section":       func(_ *uint64, s *State, _ []byte) { s.Sections["b"] = []byte{0} },
		"sections": func(_ *uint64, s *State, _ []byte) {
			s.Sections["a"], s.Sections["b"] = s.Sections["b"], s.Sections["a"]
		},
		"memory": func(_ *uint64, _ *State, mem []byte) { mem[5000] = 1 },
	}
	seen := map[string]string{}
	for what, change := range changes {
		used, s, mem := base()
		change(&used, s, mem)
		sum, err := HashState(used, s, uint64(len(mem)), bytes.NewReader(mem))
		if err != nil {
			t.Fatal(what, err)
		}
		key := fmt.Sprintf("%x", sum)
		if other, ok := seen[key]; ok {
			t.Errorf("%s hashes as %s", what, other)
		}
		seen[key] = what
	}
	_, s, mem := base()
	if _, err := HashState(7, s, uint64(len(mem))+1, bytes.NewReader(mem)); err == nil {
		t.Error("hashed memory that is not there")
	}
}
