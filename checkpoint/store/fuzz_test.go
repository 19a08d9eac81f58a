package store

import (
	"testing"

	"github.com/godwit-run/godwit/checkpoint"
)

// Whatever a segment holds, a store opens on it, lists nothing that cannot be
// loaded or named as damaged, and can be written to.
func FuzzSegment(f *testing.F) {
	fs, _ := filled(f, 1)
	for name, file := range fs.files {
		_, salt, _ := parseSegmentName(name)
		f.Add(salt, file.data)
	}
	f.Fuzz(func(t *testing.T, salt uint32, b []byte) {
		fs := newFaultFS()
		fs.files[segmentName(0, salt)] = &faultFile{fs: fs, data: b}
		s, err := Open(testConfig(fs))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range s.Names() {
			if _, over, err := s.Newest(name); err != nil && len(over) == 0 {
				t.Fatal(err)
			}
		}
		batch := s.Begin()
		defer batch.Close()
		if err := batch.Put(checkpoint.NewRaw([]byte("more"))); err != nil {
			t.Fatal(err)
		}
		if err := batch.flush(&group{}); err != nil {
			t.Fatal(err)
		}
	})
}
