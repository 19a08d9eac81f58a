package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var updateGolden = flag.Bool("update", false, "write testdata anew: only together with a new version of the encoding")

func testKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func testNode(n byte) NodeID { return NodeIDOf(testKey(n).Public().(ed25519.PublicKey)) }

func testLink() Link {
	return must(ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe"))
}

var testID = NewTaskID(time.UnixMilli(1_700_000_000_000), [10]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})

func testCapacity() Capacity {
	return Capacity{CPU: 8000, Memory: 16 << 30, Storage: 1 << 40, Network: 1e9,
		GPUs: []GPUDevice{{ID: "0", Name: "NVIDIA A100", Memory: 40 << 30, Capability: "sm_80", OpenCL: "opencl_3.0", Processor: true, Available: true}}}
}

// testSpec uses every field.
func testSpec() Spec {
	return Spec{
		Name: "sum", Submitter: testNode(1), Model: "llama", Module: testLink(), Args: []string{"sum", "-v"}, Env: []string{"A=1"},
		Stdin: testLink(), Inputs: []Input{{"data", testLink()}}, Invoke: "f", InvokeArgs: []string{"2"}, Deterministic: true, NoCheckpoints: true,
		Limits:    Limits{1 << 40, 1 << 30, time.Minute},
		Profile:   Profile{1500, 2 << 30, 3 << 30, 1e6, &GPUSpec{true, 2, 24 << 30, "sm_70", time.Second}, time.Hour},
		Hints:     Hints{Wishes: Wishes{[]Link{testLink()}, nil, testID, []NodeID{testNode(2)}, []NodeID{testNode(3)}, "eu-west", []string{"disk=ssd"}}},
		Placement: PlaceAuto, Priority: PriorityHigh, Retries: 3, Deadline: time.Hour, MaxCost: 7,
	}
}

// bodiesByName are one body of each kind, with every field set.
func bodiesByName() map[string]Body {
	ref, free := Ref{testID, 2}, testCapacity()
	outcome := Outcome{
		Status: Succeeded, Started: true, FuelUsed: 5, FuelLimit: 1 << 40, MemoryPeakBytes: 1 << 20, Wall: time.Second,
		Values: []string{"3"}, Files: []File{{"a/b", 3, testLink()}}, Output: testLink(),
		Stdout: Text{Size: 2, Inline: []byte("hi")}, Stderr: Text{Size: 1 << 20, Truncated: true, Link: testLink()},
		Backend: "opencl", GPUs: []UsedGPU{{"0", "NVIDIA A100", 24 << 30}},
	}
	spec := testSpec()
	return map[string]Body{
		"reserve":   Reserve{ref, spec.Profile, time.Second, 1 << 40, 7},
		"reserved":  Reserved{ref, free},
		"refused":   Refused{ref, RefusedMemory, "in words", free},
		"assign":    Assign{ref, spec, time.Minute, time.Hour, []byte("envelope")},
		"accepted":  Accepted{ref},
		"progress":  Progress{ref, 9, 10},
		"output":    Output{ref, Stderr, 11, []byte("x")},
		"heartbeat": Heartbeat{[]Ref{ref}, free},
		"cancel":    Cancel{ref},
		"done":      Done{ref, []byte("envelope"), free},
		"ack":       Ack{ref},
		"bid":       Bid{ref, []byte("envelope")},
		"renew":     Renew{[]Ref{ref}, time.Minute},
		"request": Request{ref, testNode(1), 1_700_000_000_000, MaxWindow, Everyone, spec.Profile, spec.Hints, testLink(),
			[]Link{testLink()}, 1 << 40, 7},
		"offer": Offer{ref, testNode(1), testNode(2), 1_700_000_000_000, time.Second, free, free, 3, 5, time.Second, 1 << 30,
			time.Millisecond, "eu", map[string]string{"disk": "ssd"}},
		"keep":    Keep{ref, []NodeID{testNode(3)}},
		"granted": Granted{ref, []byte("envelope")},
		"kept":    Kept{ref, Point{1, 4, 400}, Point{2, 5, 500}, []NodeID{testNode(3)}, 5, 1 << 20, "in words"},
		"yield":   Yield{ref},
		"claim":   Claim{VerbFetch, testID, []byte("envelope"), testLink()},
		"found":   Found{"in words", []Held{{Point{1, 4, 400}, testNode(2), testLink()}}},
		"grant":   Grant{ref, testNode(1), testNode(2), []NodeID{testNode(3)}, []Maker{{1, testNode(3)}}, Point{1, 4, 400}},
		"ping":    Ping{Seq: 3, Of: testNode(2)},
		"pong":    Pong{Seq: 3, Of: testNode(2), Up: true, Incarnation: 1_700_000_000_000},
		"result":  Result{ref, testNode(1), testNode(2), outcome},
		"vector": Vector{Node: testNode(1), Started: 1_700_000_000_000, Seq: 3, Total: free, Free: free, Running: 1, Queued: 2,
			Draining: true, Leaving: true, Version: "1.0", Region: "eu", Labels: map[string]string{"disk": "ssd"},
			Models: []string{"llama"}, Blobs: NewFilter([]Link{testLink()}), Cost: 5, Every: time.Minute},
		"model": Model{"llama", testNode(1), 1_700_000_000_000, false, testLink(), []string{"llama"}, []string{"A=1"},
			[]Input{{"weights", testLink()}}, Limits{Fuel: 1}, Minimal()},
	}
}

// Every field of every kind is in the golden bytes, which may not change: other
// nodes write them, and signatures cover them.
func TestGolden(t *testing.T) {
	all := bodiesByName()
	if len(all) != len(bodies) {
		t.Fatalf("%d bodies for %d kinds", len(all), len(bodies))
	}
	for name, body := range all {
		t.Run(name, func(t *testing.T) {
			got := must(Encode(body))
			path := filepath.Join("testdata", name+".hex")
			if *updateGolden {
				if err := os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSpace(string(text)); want != hex.EncodeToString(got) {
				t.Errorf("encodes to\n%x, not\n%s", got, want)
			}
			again, err := Decode(got)
			if err != nil || !reflect.DeepEqual(again, body) {
				t.Errorf("decodes to %+v, %v", again, err)
			}
		})
	}
}

func TestDecodeIsStrict(t *testing.T) {
	good := must(Encode(Ack{Ref{testID, 1}}))
	for name, b := range map[string][]byte{
		"nothing":          {},
		"bytes after":      append(bytes.Clone(good), 0),
		"cut":              good[:len(good)-1],
		"another version":  append([]byte{0x83, 0x02}, good[2:]...),
		"unknown kind":     append([]byte{0x83, 0x01, 0x18, 0x63}, good[3:]...),
		"long number":      append([]byte{0x83, 0x18, 0x01}, good[2:]...),
		"unknown field":    bytes.Replace(good, []byte("gattempt\x01"), []byte("gattempu\x01"), 1),
		"no attempt":       bytes.Replace(good, []byte("gattempt\x01"), []byte("gattempt\x00"), 1),
		"endless map":      bytes.Replace(append(bytes.Clone(good), 0xff), []byte{0xa2}, []byte{0xbf}, 1),
		"too long":         make([]byte, MaxMessage+1),
		"array of strings": {0x83, 0x01, 0x0b, 0x9a, 0xff, 0xff, 0xff, 0xff},
	} {
		if bytes.Equal(b, good) {
			t.Errorf("%s: the test changes nothing", name)
		}
		if body, err := Decode(b); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, body, err)
		}
	}
	if _, err := DecodeAs[Cancel](good); !errors.Is(err, ErrFormat) {
		t.Errorf("an Ack as a Cancel: %v", err)
	}
}

// Each change makes a body that is out of bounds.
func TestValidate(t *testing.T) {
	spec := func(change func(*Spec)) Body {
		s := testSpec()
		change(&s)
		return Assign{Ref: Ref{testID, 1}, Spec: s}
	}
	result := func(change func(*Result)) Body {
		r := bodiesByName()["result"].(Result)
		change(&r)
		return r
	}
	vector := func(change func(*Vector)) Body {
		v := bodiesByName()["vector"].(Vector)
		change(&v)
		return v
	}
	long := strings.Repeat("x", 1<<17)
	for name, b := range map[string]Body{
		"no submitter":         spec(func(s *Spec) { s.Submitter = "" }),
		"no module":            spec(func(s *Spec) { s.Module = Link{} }),
		"args too long":        spec(func(s *Spec) { s.Args = []string{long} }),
		"args with zero":       spec(func(s *Spec) { s.Args = []string{"a\x00b"} }),
		"args not text":        spec(func(s *Spec) { s.Args = []string{"\xff"} }),
		"env without =":        spec(func(s *Spec) { s.Env = []string{"A"} }),
		"two stdins":           spec(func(s *Spec) { s.Input = []byte("x") }),
		"input with slash":     spec(func(s *Spec) { s.Inputs[0].Name = "../x" }),
		"input dot dot":        spec(func(s *Spec) { s.Inputs[0].Name = ".." }),
		"input twice":          spec(func(s *Spec) { s.Inputs = append(s.Inputs, s.Inputs[0]) }),
		"input without cid":    spec(func(s *Spec) { s.Inputs[0].Link = Link{} }),
		"priority 0":           spec(func(s *Spec) { s.Priority = 0 }),
		"priority 5":           spec(func(s *Spec) { s.Priority = 5 }),
		"too many retries":     spec(func(s *Spec) { s.Retries = MaxRetries + 1 }),
		"negative deadline":    spec(func(s *Spec) { s.Deadline = -1 }),
		"endless wall time":    spec(func(s *Spec) { s.Limits.WallTime = 1 << 62 }),
		"unknown placement":    spec(func(s *Spec) { s.Placement = "there" }),
		"label without =":      spec(func(s *Spec) { s.Hints.Labels = []string{"ssd"} }),
		"a size of nothing":    spec(func(s *Spec) { s.Hints.Sizes = []uint64{1, 2} }),
		"a size beyond all":    spec(func(s *Spec) { s.Hints.Sizes = []uint64{MaxData + 1} }),
		"class":                spec(func(s *Spec) { s.Class = "best" }),
		"required, invalid":    spec(func(s *Spec) { s.Hints.Require.Labels = []string{"ssd"} }),
		"avoid nobody":         spec(func(s *Spec) { s.Hints.Avoid = []NodeID{""} }),
		"cpu":                  Reserve{Ref: Ref{testID, 1}, Profile: Profile{CPU: MaxCPU + 1}, Lease: 1},
		"memory below":         Reserve{Ref: Ref{testID, 1}, Profile: Profile{Memory: MB - 1}, Lease: 1},
		"memory above":         Reserve{Ref: Ref{testID, 1}, Profile: Profile{Memory: MaxMemory + 1}, Lease: 1},
		"storage":              Reserve{Ref: Ref{testID, 1}, Profile: Profile{Storage: MaxStorage + 1}, Lease: 1},
		"no gpu":               Reserve{Ref: Ref{testID, 1}, Profile: Profile{GPU: &GPUSpec{}}, Lease: 1},
		"gpu capability":       Reserve{Ref: Ref{testID, 1}, Profile: Profile{GPU: &GPUSpec{Count: 1, Capability: "fast"}}, Lease: 1},
		"no lease":             Reserve{Ref: Ref{testID, 1}, Profile: Minimal(), Lease: 0},
		"long lease":           Reserve{Ref: Ref{testID, 1}, Profile: Minimal(), Lease: MaxLease + 1},
		"no task":              Cancel{Ref{TaskID{}, 1}},
		"no attempt":           Cancel{Ref{testID, 0}},
		"unknown refusal":      Refused{Ref: Ref{testID, 1}, Why: "mood"},
		"stream 3":             Output{Ref{testID, 1}, 3, 0, []byte("x")},
		"much output":          Output{Ref{testID, 1}, Stdout, 0, make([]byte, MaxOutput+1)},
		"no output":            Output{Ref{testID, 1}, Stdout, 0, nil},
		"many refs":            Heartbeat{Attempts: make([]Ref, MaxRefs+1)},
		"ping 0":               Ping{},
		"ping of nobody":       Ping{Seq: 1, Of: "x"},
		"pong of the dead":     Pong{Seq: 1},
		"pong from before":     Pong{Seq: 1, Up: true, Incarnation: -1},
		"rare vector":          vector(func(v *Vector) { v.Every = MaxEvery + 1 }),
		"no envelope":          Done{Ref: Ref{testID, 1}},
		"succeeded by exit":    result(func(r *Result) { r.Reason = ReasonExit }),
		"succeeded with 3":     result(func(r *Result) { r.ExitCode = 3 }),
		"succeeded unstarted":  result(func(r *Result) { r.Started = false }),
		"fuel above its limit": result(func(r *Result) { r.FuelUsed = r.FuelLimit + 1 }),
		"failed for nothing":   result(func(r *Result) { r.Status = Failed }),
		"not placed":           result(func(r *Result) { r.Status, r.Reason = Failed, ReasonNotPlaced }),
		"refused no fault":     result(func(r *Result) { r.Status, r.Reason, r.Started = Failed, ReasonRefused, false }),
		"trap with fault":      result(func(r *Result) { r.Status, r.Reason, r.Fault = Failed, ReasonTrap, FaultNode }),
		"unknown status":       result(func(r *Result) { r.Status = "fine" }),
		"file without cid":     result(func(r *Result) { r.Files[0].Link = Link{} }),
		"inline and link":      result(func(r *Result) { r.Stdout.Link = testLink() }),
		"inline above size":    result(func(r *Result) { r.Stdout.Size = 1 }),
		"vector number 0":      vector(func(v *Vector) { v.Seq = 0 }),
		"two equal gpus":       vector(func(v *Vector) { v.Free.GPUs = slices.Repeat(v.Free.GPUs, 2) }),
		"gpu's opencl":         vector(func(v *Vector) { v.Free.GPUs[0].OpenCL = "OpenCL 3.0" }),
		"used gpu without id":  result(func(r *Result) { r.GPUs = []UsedGPU{{Name: "A100"}} }),
		"many used gpus":       result(func(r *Result) { r.GPUs = slices.Repeat([]UsedGPU{{ID: "0"}}, MaxGPUs+1) }),
		"huge filter":          vector(func(v *Vector) { v.Blobs = make(Filter, MaxFilter+1) }),
		"long label":           vector(func(v *Vector) { v.Labels = map[string]string{long: ""} }),
		"withdrawn and there":  func() Body { m := bodiesByName()["model"].(Model); m.Withdrawn = true; return m }(),
		"model without name":   func() Body { m := bodiesByName()["model"].(Model); m.Name = ""; return m }(),
	} {
		if _, err := Encode(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProfiles(t *testing.T) {
	for _, c := range []struct {
		p    Profile
		want Profile
		ok   bool
	}{
		{Minimal(), Profile{CPU: 100, Memory: 128e6}, true},
		{ComputeHeavy(4, 8192), Profile{CPU: 4000, Memory: 8192e6}, true},
		{ComputeHeavy(128, 1_000_000), Profile{CPU: 128_000, Memory: 1e12}, true},
		{GPU(24, "sm_70"), Profile{GPU: &GPUSpec{Required: true, Count: 1, Memory: 24e9, Capability: "sm_70"}}, true},
		{ComputeHeavy(128.1, 1), Profile{}, false},
		{ComputeHeavy(0, 1), Profile{}, false},
		{ComputeHeavy(-1, 1), Profile{}, false},
		{ComputeHeavy(1, 1_000_001), Profile{}, false},
		{ComputeHeavy(1, 1<<63), Profile{}, false},
		{GPU(1<<60, ""), Profile{}, false},
	} {
		if err := c.p.Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.p, err)
		}
		if c.ok && !c.p.Equal(c.want) {
			t.Errorf("%+v, want %+v", c.p, c.want)
		}
	}
}

// A device has what its vendor calls its generation, and the OpenCL of its driver.
func TestFits(t *testing.T) {
	a100 := GPUDevice{ID: "0", Memory: 40, Capability: "sm_80", OpenCL: "opencl_3.0"}
	pocl := GPUDevice{ID: "1", Memory: 8, Capability: "opencl_3.0", Processor: true}
	for _, c := range []struct {
		least      string
		memory     uint64
		a100, pocl bool
	}{
		{"", 0, true, true},
		{"", 9, true, false},
		{"sm_70", 0, true, false},
		{"sm_90", 0, false, false},
		{"opencl_1.2", 0, true, true},
		{"opencl_3.1", 0, false, false},
		{"gfx90a", 0, false, false},
	} {
		spec := &GPUSpec{Required: true, Count: 1, Memory: c.memory, Capability: c.least}
		if a100.Fits(spec) != c.a100 || pocl.Fits(spec) != c.pocl {
			t.Errorf("%s, %d bytes: %v, %v", c.least, c.memory, a100.Fits(spec), pocl.Fits(spec))
		}
	}
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want Profile
	}{
		{Spec{}, Profile{CPU: DefaultCPU, Memory: DefaultMemory}},
		{Spec{Limits: Limits{Memory: 64 << 20}}, Profile{CPU: DefaultCPU, Memory: 64 << 20}},
		{Spec{Limits: Limits{Memory: 1}}, Profile{CPU: DefaultCPU, Memory: MB}},
		{Spec{Profile: Profile{CPU: 1, Memory: 1 << 30}, Limits: Limits{Memory: 2 << 30}}, Profile{CPU: 1, Memory: 2 << 30}},
	} {
		if got := c.spec.Needs(); !got.Equal(c.want) {
			t.Errorf("%+v needs %+v, want %+v", c.spec, got, c.want)
		}
	}
}

func TestCapability(t *testing.T) {
	for _, c := range []struct {
		has, least string
		want       bool
	}{
		{"sm_80", "sm_70", true},
		{"sm_100", "sm_90", true},
		{"sm_90", "sm_100", false},
		{"sm_9", "sm_80", false},
		{"sm_75", "sm_75", true},
		{"compute_86", "sm_80", true},
		{"sm_90a", "sm_90", true},
		{"sm_90", "sm_90a", true}, // what code needs; devices are not named so
		{"sm_100", "sm_90a", false},
		{"gfx90a", "gfx906", true},
		{"gfx906", "gfx90a", false},
		{"gfx1100", "gfx90a", false},
		{"gfx1100", "sm_70", false},
		{"sm_90", "gfx906", false},
		{"opencl_3.0", "opencl_1.2", true},
		{"opencl_3", "opencl_3.0", true},
		{"metal_3", "opencl_1.2", false},
	} {
		has, least := must(ParseCapability(c.has)), must(ParseCapability(c.least))
		if got := has.AtLeast(least); got != c.want {
			t.Errorf("%s at least %s: %v", c.has, c.least, got)
		}
	}
	for _, bad := range []string{"", "sm", "sm_", "sm_x", "sm_-1", "70", "gfx", "gfx9", "gfxzzz", "_1", "a b_1", "sm_70ab", "sm_99999", strings.Repeat("s", 99)} {
		if c, err := ParseCapability(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %+v, %v", bad, c, err)
		}
	}
}

func TestTaskID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string) time.Time { return time.UnixMilli(rapid.Int64Range(0, 1<<48-1).Draw(t, name)) }
		random := [10]byte(rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "random"))
		at, later := ms("a"), ms("b")
		a, b := NewTaskID(at, random), NewTaskID(later, random)
		if !a.Time().Equal(at) || len(a.String()) != TaskIDLen {
			t.Fatalf("%s is of %v, not %v", a, a.Time(), at)
		}
		if a.Compare(b) != at.Compare(later) || strings.Compare(a.String(), b.String()) != at.Compare(later) {
			t.Fatalf("%s and %s do not sort as %v and %v", a, b, at, later)
		}
		if again, err := ParseTaskID(a.String()); err != nil || again != a {
			t.Fatalf("%s, %v", again, err)
		}
	})
	for _, bad := range []string{"", "0", strings.Repeat("0", 25), strings.Repeat("0", 27), strings.Repeat("u", 26), strings.Repeat("0", 25) + "1", strings.Repeat("A", 26)} {
		if id, err := ParseTaskID(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %s, %v", bad, id, err)
		}
	}
}

func TestNodeID(t *testing.T) {
	id := testNode(1)
	if again, err := ParseNodeID(id.String()); err != nil || again != id || !bytes.Equal(id.Key(), testKey(1).Public().(ed25519.PublicKey)) {
		t.Errorf("%s: %s, %v", id, again, err)
	}
	if !strings.HasPrefix(id.String(), "12D3KooW") || !strings.HasSuffix(id.String(), id.Short()) {
		t.Errorf("%s, %s", id, id.Short())
	}
	for _, bad := range []string{"", "x", "0", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", strings.Repeat("1", 200)} {
		if id, err := ParseNodeID(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %s, %v", bad, id, err)
		}
	}
}

func TestLink(t *testing.T) {
	for in, want := range map[string]string{
		"bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe": "bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe",
		"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG":              "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6d2ho34",
	} {
		if l, err := ParseLink(in); err != nil || l.String() != want {
			t.Errorf("%s: %s, %v", in, l, err)
		}
	}
	for _, bad := range []string{"", "x", "bafkqaaa", strings.Repeat("b", 500)} {
		if l, err := ParseLink(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %s, %v", bad, l, err)
		}
	}
}

// JSON is for people and for the API.
func TestJSON(t *testing.T) {
	spec := testSpec()
	var again Spec
	if err := json.Unmarshal(must(json.Marshal(&spec)), &again); err != nil || !reflect.DeepEqual(again, spec) {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestFilter(t *testing.T) {
	link := func(i int) Link {
		sum := sha256.Sum256(fmt.Append(nil, i))
		raw := append([]byte{1, 0x55, 0x12, 32}, sum[:]...)
		var l Link
		if err := l.UnmarshalCBOR(append(bytes.Clone(linkHead), raw...)); err != nil {
			t.Fatal(err)
		}
		return l
	}
	var in []Link
	for i := range 2000 {
		in = append(in, link(i))
	}
	f := NewFilter(in)
	for _, l := range in {
		if !f.Has(l) {
			t.Fatalf("%s is missing", l)
		}
	}
	wrong := 0
	for i := range 10_000 {
		if f.Has(link(1_000_000 + i)) {
			wrong++
		}
	}
	if wrong > 300 {
		t.Errorf("%d of 10000 are not in it, and it says so", wrong)
	}
	if (Filter)(nil).Has(in[0]) || f.Has(Link{}) {
		t.Error("nothing holds nothing")
	}
}
