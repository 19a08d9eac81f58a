package godwit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler/wire"
)

// defaultClass is what the API calls wire.ClassDefault.
const defaultClass = "default"

// wishes adds what a request wishes to hints. What begins with api.Require must be.
func wishes(h *api.Hints, to *wire.Hints) error {
	for _, w := range []struct {
		name string
		list []string
		add  func(w *wire.Wishes, text string) error
	}{
		{"near", h.Near, addNear},
		{"prefer", h.Prefer, func(w *wire.Wishes, s string) error { return addNode(&w.Prefer, s) }},
		{"avoid", h.Avoid, func(w *wire.Wishes, s string) error { return addNode(&w.Avoid, s) }},
		{"colocate", one(h.Colocate), addColocate},
		{"region", one(h.Region), func(w *wire.Wishes, s string) error { w.Region = s; return nil }},
		{"labels", h.Labels, func(w *wire.Wishes, s string) error { w.Labels = append(w.Labels, s); return nil }},
	} {
		for _, text := range w.list {
			text, must := strings.CutPrefix(text, api.Require)
			target := &to.Wishes
			if must {
				target = &to.Require
			}
			if text == "" {
				return fmt.Errorf("%s: names nothing", w.name)
			}
			if err := w.add(target, text); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	return nil
}

// one is a list of a text, unless there is none.
func one(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func addNear(w *wire.Wishes, text string) error {
	link, err := wire.ParseLink(text)
	w.Near = append(w.Near, link)
	return err
}

func addNode(list *[]wire.NodeID, text string) error {
	id, err := wire.ParseNodeID(text)
	*list = append(*list, id)
	return err
}

func addColocate(w *wire.Wishes, text string) (err error) {
	w.Colocate, err = wire.ParseTaskID(strings.ToLower(text))
	return err
}

// apiHints is wishes the other way round. Required labels are requirements.
func apiHints(h *wire.Hints) (out api.Hints) {
	addWishes(&out, &h.Wishes, "")
	required := h.Require
	required.Labels = nil
	addWishes(&out, &required, api.Require)
	return out
}

func addWishes(out *api.Hints, w *wire.Wishes, prefix string) {
	for _, l := range w.Near {
		out.Near = append(out.Near, prefix+l.String())
	}
	for _, id := range w.Prefer {
		out.Prefer = append(out.Prefer, prefix+id.String())
	}
	for _, id := range w.Avoid {
		out.Avoid = append(out.Avoid, prefix+id.String())
	}
	for _, l := range w.Labels {
		out.Labels = append(out.Labels, prefix+l)
	}
	if w.Region != "" {
		out.Region = prefix + w.Region
	}
	if !w.Colocate.IsZero() {
		out.Colocate = prefix + w.Colocate.String()
	}
}

// sizeTimeout bounds how long a submission waits to learn how large is what it wants
// near.
const sizeTimeout = 300 * time.Millisecond

// sizeUp fills in how many bytes there are of what hints want near. Where there is a
// choice between several, this node asks for those that it has not; what a node must
// hold is counted only if this one has it whole, as the others will count it.
func (n *Node) sizeUp(ctx context.Context, h *wire.Hints) {
	ctx, cancel := context.WithTimeout(ctx, sizeTimeout)
	defer cancel()
	h.Sizes = n.sizes(ctx, h.Near, len(h.Near) > 1)
	h.Require.Sizes = n.sizes(ctx, h.Require.Near, false)
}

// sizes are those of some links in bytes, 0 for what is not known.
func (n *Node) sizes(ctx context.Context, links []wire.Link, fetch bool) []uint64 {
	if len(links) == 0 {
		return nil
	}
	sizes := make([]uint64, len(links))
	var looks sync.WaitGroup
	for i, l := range links {
		looks.Go(func() { sizes[i] = n.size(ctx, l, fetch) })
	}
	looks.Wait()
	return sizes
}

func (n *Node) size(ctx context.Context, l wire.Link, fetch bool) uint64 {
	if has, err := n.store.Blockstore().Has(ctx, l.Cid); !fetch && (err != nil || !has) {
		return 0
	}
	info, err := n.store.Stat(ctx, l.Cid)
	switch {
	case err != nil:
		return 0
	case info.Missing == 0:
		return min(uint64(max(info.Bytes, 0)), wire.MaxData)
	case !fetch:
		return 0
	}
	return min(uint64(max(info.Size, 0)), wire.MaxData)
}
