package meter

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-run/godwit/runtime/internal/wasm"
)

// golden is what the rewriter made of the guests at some Revision. When this test
// fails since Rewrite has changed, raise Revision and set both anew: else caches on
// disk would mix modules of the old kind with the new.
const (
	goldenRevision = 16
	golden         = "1fbad226a50fdba780a7a34d51b70ab31e4fbe09ba9c6c6c1c701b792f9d7b53"
)

func TestRevision(t *testing.T) {
	files, err := filepath.Glob("../../testdata/guests/*.wasm")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	sum := sha256.New()
	for _, file := range files {
		if filepath.Base(file)[:3] == "go_" {
			continue // not committed
		}
		binary, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wasm.Decode(binary)
		if err != nil {
			t.Fatal(file, err)
		}
		if _, err := Rewrite(m); err != nil {
			t.Fatal(file, err)
		}
		sum.Write(m.Encode())
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != golden || Revision != goldenRevision {
		t.Errorf("revision %d makes %s\nof the guests; golden is revision %d, %s", Revision, got, goldenRevision, golden)
	}
}
