package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	swire "github.com/godwit-run/godwit/scheduler/wire"
)

var updateGolden = flag.Bool("update", false, "write testdata anew: only together with a new version of the encoding")

func testNode(n byte) NodeID {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	return swire.NodeIDOf(key.Public().(ed25519.PublicKey))
}

func testLink() Link {
	return must(swire.ParseLink("bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe"))
}

var (
	testActor   = NewActorID(time.UnixMilli(1_700_000_000_000), [10]byte{1, 2, 3})
	testMessage = NewMessageID([8]byte{9}, 7)
)

// testSpec uses every field.
func testSpec() Spec {
	return Spec{
		Name: "counter", Module: testLink(), Args: []string{"counter", "-v"}, Env: []string{"A=1"}, Replicas: 3, Fuel: 1e9,
		Memory: 1 << 20, OnFailure: Restart, Restarts: 5, Within: time.Minute, Stateless: true,
		Hints: swire.Hints{Wishes: swire.Wishes{Region: "eu"}}, Beside: "other", Creator: testNode(1), Created: 1_700_000_000_000,
		Parent: ActorID{3},
	}
}

func testCheckpoint() *Checkpoint {
	return &Checkpoint{Index: 9, Epoch: 2, Sequence: 4, Manifest: testLink()}
}

func testMembers() Members { return Members{{1, testNode(1)}, {4, testNode(2)}} }

func testBase() Base {
	return Base{Actor: testActor, Spec: testSpec(), Checkpoint: testCheckpoint(), Members: testMembers(), NextReplica: 5}
}

func channelMessage() *Message {
	return &Message{ID: ChannelID(ActorID{5}, "counter", 3), From: ActorID{5}, Sender: "bank", To: "counter", Seq: 3, Floor: 2, Payload: []byte("x")}
}

// bodiesByName are one body of each kind, with every field set.
func bodiesByName() map[string]Body {
	client := &Message{ID: testMessage, Floor: 5, Ask: true, Payload: []byte("hi")}
	control := &Control{Verb: VerbUpgrade, Module: testLink(), Reason: "newer", ID: testMessage}
	result := &Result{Outcome: Refused, Payload: []byte("no")}
	return map[string]Body{
		"raft":     Raft{testActor, []byte("raft")},
		"held":     Held{testActor, 2, *testCheckpoint()},
		"evicted":  Evicted{testActor, 2, true},
		"vouch":    Vouch{testActor, 2, testNode(1), true},
		"create":   Create{testBase(), 4, true, false},
		"created":  Created{testActor, 4, "full"},
		"request":  Request{testActor, client, nil, time.Second},
		"control":  Request{testActor, nil, control, time.Second},
		"response": Response{testActor, testMessage, Answered, result, testNode(1), testMembers(), 7},
		"claim":    Claim{"counter", testActor, 5},
		"claimed":  Claimed{"counter", testActor, ActorID{8}, 5},
		"find":     Find{1, "counter", testActor, testNode(1), 2},
		"found": Found{1, []Where{{Actor: testActor, Name: "counter", Created: 5, Members: testMembers(),
			Leader: testNode(1), Epoch: 3, Removed: true}}, true},
		"heartbeat": Heartbeat{4, 3, 2, true},
		"ack":       Ack{testActor, "counter", 6},
		"bulk":      Bulk{testActor, "push", testCheckpoint(), []byte("detail")},
		"entry": Entry{Time: 5, Seed: Seed{1}, Items: []Item{
			{Message: client}, {Message: channelMessage()}, {Reply: &Reply{3, *result}}, {Ack: &Settled{"counter", 3}},
			{Activate: &Activate{testNode(1), ReasonDrain}}, {Checkpoint: testCheckpoint()}, {Control: control},
		}},
		"base": testBase(),
	}
}

// Every field of every kind is in the golden bytes, which may not change: they are on
// disks, and other nodes write them.
func TestGolden(t *testing.T) {
	kinds := make(map[kind]bool)
	for name, body := range bodiesByName() {
		kinds[body.kind()] = true
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
	if len(kinds) != len(bodies) {
		t.Errorf("%d of %d kinds", len(kinds), len(bodies))
	}
}

func TestDecodeIsStrict(t *testing.T) {
	good := must(Encode(Ack{testActor, "counter", 6}))
	for name, b := range map[string][]byte{
		"nothing":         {},
		"bytes after":     append(bytes.Clone(good), 0),
		"cut":             good[:len(good)-1],
		"another version": append([]byte{0x83, 0x02}, good[2:]...),
		"unknown kind":    append([]byte{0x83, 0x01, 0x18, 0x63}, good[3:]...),
		"long number":     append([]byte{0x83, 0x18, 0x01}, good[2:]...),
		"unknown field":   bytes.Replace(good, []byte("cseq"), []byte("cseg"), 1),
		"number 0":        bytes.Replace(good, []byte("cseq\x06"), []byte("cseq\x00"), 1),
		"too long":        make([]byte, MaxFrame+1),
		"array of arrays": {0x83, 0x01, 0x0d, 0x9a, 0xff, 0xff, 0xff, 0xff},
	} {
		if bytes.Equal(b, good) {
			t.Errorf("%s: the test changes nothing", name)
		}
		if body, err := Decode(b); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, body, err)
		}
	}
	if _, err := DecodeAs[Raft](good); !errors.Is(err, ErrFormat) {
		t.Errorf("an Ack as a Raft: %v", err)
	}
}

// What is out of its bounds is neither written nor read.
func TestBounds(t *testing.T) {
	spec := func(change func(*Spec)) Body {
		b := testBase()
		change(&b.Spec)
		return b
	}
	item := func(i Item) Body { return Entry{Items: []Item{i}} }
	message := func(change func(*Message)) Body {
		m := channelMessage()
		change(m)
		return item(Item{Message: m})
	}
	members := func(m ...Member) Body {
		b := testBase()
		b.Members = m
		return b
	}
	for name, body := range map[string]Body{
		"no name":                spec(func(s *Spec) { s.Name = "" }),
		"control characters":     spec(func(s *Spec) { s.Name = "a\nb" }),
		"not UTF-8":              spec(func(s *Spec) { s.Name = "\xff" }),
		"long name":              spec(func(s *Spec) { s.Name = strings.Repeat("a", MaxName+1) }),
		"no module":              spec(func(s *Spec) { s.Module = Link{} }),
		"eight replicas":         spec(func(s *Spec) { s.Replicas = 8 }),
		"no fuel":                spec(func(s *Spec) { s.Fuel = 0 }),
		"5 GiB":                  spec(func(s *Spec) { s.Memory = 5 << 30 }),
		"never restarted":        spec(func(s *Spec) { s.Restarts = 0 }),
		"unknown policy":         spec(func(s *Spec) { s.OnFailure = "pray" }),
		"much env":               spec(func(s *Spec) { s.Env = []string{strings.Repeat("a", MaxText+1)} }),
		"bad node":               spec(func(s *Spec) { s.Creator = "me" }),
		"no members":             members(),
		"members out of order":   members(Member{4, testNode(2)}, Member{1, testNode(1)}),
		"a member twice":         members(Member{1, testNode(2)}, Member{2, testNode(2)}),
		"a member of the future": members(Member{5, testNode(2)}),
		"two things in one item": item(Item{Reply: &Reply{1, Result{Outcome: OK}}, Ack: &Settled{"a", 1}}),
		"nothing in an item":     item(Item{}),
		"reply to no ask":        item(Item{Reply: &Reply{0, Result{Outcome: OK}}}),
		"no outcome":             item(Item{Reply: &Reply{1, Result{}}}),
		"unknown outcome":        item(Item{Reply: &Reply{1, Result{Outcome: lastOutcome + 1}}}),
		"large payload":          message(func(m *Message) { m.Payload = make([]byte, MaxPayload+1) }),
		"another one's id":       message(func(m *Message) { m.From = ActorID{6} }),
		"floor above":            message(func(m *Message) { m.Floor = m.Seq + 1 }),
		"no floor":               message(func(m *Message) { m.Floor = 0 }),
		"client with a name":     item(Item{Message: &Message{ID: testMessage, Sender: "bank"}}),
		"upgrade to nothing":     item(Item{Control: &Control{Verb: VerbUpgrade, ID: testMessage}}),
		"stop with a module":     item(Item{Control: &Control{Verb: VerbStop, Module: testLink(), ID: testMessage}}),
		"unknown verb":           item(Item{Control: &Control{Verb: "kill", ID: testMessage}}),
		"many items":             Entry{Items: make([]Item, MaxItems+1)},
		"no raft":                Raft{Actor: testActor},
		"no actor":               Raft{Data: []byte("x")},
		"not a member":           Create{Base: testBase(), Replica: 2},
		"answer of nothing":      Response{Actor: testActor, ID: testMessage, Phase: Answered},
		"neither nor":            Request{Actor: testActor},
		"far find":               Find{Query: 1, Asker: testNode(1), TTL: MaxTTL + 1},
	} {
		if _, err := Encode(body); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		raw := must(encoding.Marshal(frame{Version: Version, Kind: body.kind(), Body: must(encoding.Marshal(body))}))
		if _, err := Decode(raw); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}

func TestIDs(t *testing.T) {
	if id, err := ParseActorID(testActor.String()); err != nil || id != testActor {
		t.Error(id, err)
	}
	if id, err := ParseMessageID(testMessage.String()); err != nil || id != testMessage || id.Seq() != 7 || id.Session() != [8]byte{9} {
		t.Error(id, err)
	}
	for _, s := range []string{"", "x", strings.ToUpper(testActor.String()), testActor.String() + "0", strings.Repeat("z", 26)} {
		if _, err := ParseActorID(s); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if SpawnedID(testActor, 1) == SpawnedID(testActor, 2) || SpawnedID(testActor, 1) == SpawnedID(ActorID{}, 1) {
		t.Error("two spawned actors share an id")
	}
	if ChannelID(testActor, "a", 1).Session() == ChannelID(testActor, "b", 1).Session() {
		t.Error("two channels share a session")
	}
}

// What decodes is valid, and encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, body := range bodiesByName() {
		f.Add(must(Encode(body)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := Decode(b)
		if err != nil {
			return
		}
		if err := body.Validate(); err != nil {
			t.Fatal(err)
		}
		if again, err := Encode(body); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x, %v", again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(testActor.String())
	f.Add(testMessage.String())
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseActorID(s); err == nil && id.String() != s {
			t.Errorf("%q is %s", s, id)
		}
		if id, err := ParseMessageID(s); err == nil && id.String() != s {
			t.Errorf("%q is %s", s, id)
		}
	})
}
