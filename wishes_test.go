package godwit

import (
	"reflect"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler/wire"
)

const (
	someCID  = "bafkreiasbfynqeudn4myrbrflb5embvfvur454y4q2comalxcvjfjd6gxe"
	somePeer = "12D3KooWCugzopk9fYBy1pvYVi94Qr2y9PL4CjSpYZUaXir3YWb7"
	someTask = "06h03zqftcgcx393swmm3ewt4m"
)

// What a request wishes comes back as it was, required or not.
func TestWishes(t *testing.T) {
	asked := api.Hints{
		Near: []string{someCID, api.Require + someCID}, Colocate: api.Require + someTask,
		Prefer: []string{somePeer}, Avoid: []string{api.Require + somePeer}, Region: api.Require + "eu",
		Labels: []string{"disk=ssd"},
	}
	var h wire.Hints
	if err := wishes(&asked, &h); err != nil {
		t.Fatal(err)
	}
	if len(h.Near) != 1 || len(h.Require.Near) != 1 || h.Require.Region != "eu" || h.Region != "" ||
		len(h.Prefer) != 1 || len(h.Require.Avoid) != 1 || len(h.Labels) != 1 || h.Require.Colocate.IsZero() {
		t.Errorf("%+v", h)
	}
	if got := apiHints(&h); !reflect.DeepEqual(got, asked) {
		t.Errorf("%+v, want %+v", got, asked)
	}
}

func TestBadWishes(t *testing.T) {
	for want, h := range map[string]api.Hints{
		"near":     {Near: []string{api.Require + "x"}},
		"prefer":   {Prefer: []string{"nobody"}},
		"avoid":    {Avoid: []string{api.Require}},
		"colocate": {Colocate: api.Require + "x"},
		"region":   {Region: api.Require},
		"labels":   {Labels: []string{""}},
	} {
		if err := wishes(&h, new(wire.Hints)); err == nil || !strings.HasPrefix(err.Error(), want+":") {
			t.Errorf("%v, want one of %s", err, want)
		}
	}
}

// Data weighs as many bytes as it has, whoever has it.
func TestDataIsSized(t *testing.T) {
	a := start(t, Config{})
	b := start(t, Config{Bootstrap: a.Addrs()})
	here, there := putBytes(t, a, []byte("here")), putBytes(t, b, make([]byte, 300))
	h := &wire.Hints{}
	if err := wishes(&api.Hints{Near: []string{here, there, someCID}}, h); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		a.sizeUp(t.Context(), h)
		return h.Sizes[0] == 4 && h.Sizes[1] == 300
	})
	if h.Sizes[2] != 0 {
		t.Errorf("%d bytes of what nobody has", h.Sizes[2])
	}
}
