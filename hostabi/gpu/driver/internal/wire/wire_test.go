package wire

import (
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/godwit-run/godwit/hostabi/gpu/device"
)

// messages are one of each kind, by kind.
var messages = map[Kind]any{
	KindFacts:       Facts{Version: 1, Devices: []device.Info{{ID: "a", Name: "b", Forms: []device.Form{device.OpenCLC}}}, Confined: "files"},
	KindOpen:        Open{Session: 1, Devices: []int{0, 2}},
	KindProbe:       Probe{Seq: 1, Session: 2},
	KindState:       State{Seq: 1, Busy: true},
	KindNewBuffer:   NewBuffer{Seq: 1, ID: 1, Device: 2, Size: 1 << 40, Staged: true},
	KindFreeBuffer:  Free{ID: 7},
	KindPush:        Sync{Seq: 1, Buffer: 2, Offset: 3, Size: 4},
	KindPull:        Sync{Seq: 1, Buffer: 2, Offset: 3, Size: 4},
	KindCopy:        Copy{Seq: 1, To: 2, ToOffset: 3, From: 4, FromOffset: 5, Size: 6},
	KindBuild:       Build{Seq: 1, ID: 1, Form: device.OpenCLC, Text: []byte("kernel"), Options: "-w", Binary: []byte{1}},
	KindFreeProgram: Free{ID: 7},
	KindLaunch: Launch{Seq: 1, Program: 2, Kernel: "k", Dims: 2, Global: [3]uint64{4, 5, 1}, Args: []Arg{
		{Kind: device.ByValue, Bytes: []byte{1, 2, 3, 4}}, {Kind: device.InBuffer, Buffer: 3, Size: 9}}},
	KindDone:  Done{Seq: 1, Fault: 2, Text: "no", Queued: 1, Submitted: 2, Started: 3, Ended: time.Second},
	KindBuilt: Built{Seq: 1, Log: "warning", Kernels: []device.Signature{{Name: "k", Args: []device.Arg{{Kind: device.ByValue, Size: 4}}}}, Binary: []byte{9}},
}

func TestMessagesComeBack(t *testing.T) {
	for kind, want := range messages {
		frame, err := Append(nil, kind, want)
		if err != nil {
			t.Fatal(err)
		}
		length, got, err := Header([HeaderSize]byte(frame))
		if err != nil || got != kind || length != len(frame)-HeaderSize {
			t.Errorf("kind %d: header %d, %d, %v", kind, length, got, err)
		}
		back := reflect.New(reflect.TypeOf(want))
		if err := Decode(frame[HeaderSize:], back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), want) {
			t.Errorf("kind %d: %+v, want %+v (%v)", kind, back.Elem(), want, err)
		}
	}
}

func TestGoldenLaunch(t *testing.T) {
	frame, err := Append(nil, KindLaunch, messages[KindLaunch])
	if err != nil {
		t.Fatal(err)
	}
	const want = "240000000c880102616b0283000000830405018300000082850144010203040000008502f6030009"
	if got := hex.EncodeToString(frame); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFrameLengthsAreBounded(t *testing.T) {
	for _, h := range [][HeaderSize]byte{{}, {0xff, 0xff, 0xff, 0xff, 1}, {1, 0, 0, 0x10, 1}} {
		if _, _, err := Header(h); !errors.Is(err, ErrFrame) {
			t.Errorf("%v: %v", h, err)
		}
	}
	if _, err := Append(nil, KindBuild, Build{Text: make([]byte, MaxFrame)}); !errors.Is(err, ErrFrame) {
		t.Error(err)
	}
}

func TestFaultsComeBack(t *testing.T) {
	for _, want := range faults {
		f, text := FaultOf(want)
		if err := f.Err(text); !errors.Is(err, want) {
			t.Errorf("%v came back as %v", want, err)
		}
	}
	f, text := FaultOf(&device.BuildError{Log: "line\x1b[2J 1\nline 2"})
	var build *device.BuildError
	if err := f.Err(text); !errors.As(err, &build) || build.Log != "line [2J 1\nline 2" {
		t.Errorf("%+v", err)
	}
	if err := Fault(200).Err("?"); !errors.Is(err, device.ErrLaunch) {
		t.Error(err)
	}
	if f, _ := FaultOf(nil); f != 0 || f.Err("x") != nil {
		t.Error("no fault is one")
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"a\x00b\tc\n": "a b\tc\n", "\xff\xfe!": "!", "äöüxyz": "äöüxyz", "0123456789abc": "0123456789", "012345678ä": "012345678", "\u202eabc": " abc",
	} {
		if got := Printable(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Whatever comes, it is refused or cleaned, and never a panic; what is
// kept of it can be sent again.
func FuzzDecode(f *testing.F) {
	for kind, m := range messages {
		frame, err := Append(nil, kind, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), frame[HeaderSize:])
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		m, ok := messages[Kind(kind)]
		if !ok {
			return
		}
		to := reflect.New(reflect.TypeOf(m))
		if Decode(body, to.Interface()) != nil {
			return
		}
		switch m := to.Interface().(type) {
		case *Facts:
			for _, d := range m.Clean() {
				if len(d.Name) > device.MaxText || d.Unusable == "" && d.MaxGroup == 0 {
					t.Errorf("%+v", d)
				}
			}
		case *Built:
			if m.Clean() == nil && len(m.Kernels) > MaxKernels {
				t.Error("too many kernels")
			}
		case *Done:
			if m.Times().Busy() < 0 || (m.Fault.Err(m.Text) == nil) != (m.Fault == 0) {
				t.Errorf("%+v", m)
			}
		}
		if _, err := Append(nil, Kind(kind), to.Elem().Interface()); err != nil {
			t.Error(err)
		}
	})
}
