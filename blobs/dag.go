package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
)

// linksOf is the CIDs that a block refers to, in order: those of DAG-PB (UnixFS)
// and DAG-CBOR (checkpoints). Other codecs have none that we know of.
func linksOf(id cid.Cid, data []byte) ([]cid.Cid, error) {
	var links []cid.Cid
	var err error
	switch id.Type() {
	case cid.DagProtobuf:
		links, err = linksOfPB(data)
	case cid.DagCBOR:
		links, err = linksOfCBOR(data)
	}
	if err != nil {
		return nil, &BlockError{id, fmt.Errorf("%w: %w", ErrMalformed, err)}
	}
	return links, nil
}

func linksOfPB(data []byte) ([]cid.Cid, error) {
	node, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return nil, err
	}
	links := make([]cid.Cid, len(node.Links()))
	for i, l := range node.Links() {
		links[i] = l.Cid
	}
	return links, nil
}

// maxCBORBudget bounds the nodes that a DAG-CBOR block may decode to: each
// takes a byte or more of the block, and memory far beyond that.
const maxCBORBudget = MaxBlock

func linksOfCBOR(data []byte) ([]cid.Cid, error) {
	builder := basicnode.Prototype.Any.NewBuilder()
	options := dagcbor.DecodeOptions{AllowLinks: true, AllocationBudget: maxCBORBudget}
	if err := options.Decode(builder, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	found, err := traversal.SelectLinks(builder.Build())
	if err != nil {
		return nil, err
	}
	var links []cid.Cid
	for _, l := range found {
		links = append(links, asCID(l))
	}
	return links, nil
}

func asCID(l datamodel.Link) cid.Cid {
	if c, ok := l.(cidlink.Link); ok {
		return c.Cid
	}
	return cid.Undef
}

// mayLink tells whether a CID's codec has links, so that its block is worth reading.
func mayLink(id cid.Cid) bool {
	return id.Type() == cid.DagProtobuf || id.Type() == cid.DagCBOR
}

// visit is what a walk does at each block, once for each: ok is false if the
// block is not here or known to be damaged. The walk ends at its error.
type visit func(id cid.Cid, size int64, ok bool) error

// walk visits the part of a DAG that is here, parents before children. seen
// holds the blocks it need not visit again. A block found damaged only when it
// is read has been visited as one that is here; its error ends the walk.
func (s *Store) walk(ctx context.Context, root cid.Cid, seen map[uint64]struct{}, at visit) error {
	stack := []cid.Cid{root}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		key := s.short(id.Hash())
		if _, twice := seen[key]; twice {
			continue
		}
		seen[key] = struct{}{}
		if err := ctx.Err(); err != nil {
			return err
		}
		links, err := s.step(id, at)
		if err != nil {
			return err
		}
		stack = append(stack, links...)
	}
	return nil
}

// step visits one block and returns its links.
func (s *Store) step(id cid.Cid, at visit) ([]cid.Cid, error) {
	size, ok, err := s.size(id)
	if errors.Is(err, ErrMalformed) {
		ok = false // a link that no block of ours can answer
	} else if err != nil {
		return nil, err
	}
	if err := at(id, size, ok); err != nil || !ok || !mayLink(id) {
		return nil, err
	}
	data, err := s.read(id)
	if errors.Is(err, ErrMissing) {
		return nil, nil // deleted in between
	} else if err != nil {
		return nil, err
	}
	return linksOf(id, data)
}

// errIncomplete ends a walk that has seen enough.
var errIncomplete = errors.New("incomplete")

// Has tells whether the whole DAG under id is here. Leaves that are damaged on
// disk but have not been read since count as here.
func (s *Store) Has(ctx context.Context, id cid.Cid) (bool, error) {
	err := s.walk(ctx, id, map[uint64]struct{}{}, func(_ cid.Cid, _ int64, ok bool) error {
		if !ok {
			return errIncomplete
		}
		return nil
	})
	if errors.Is(err, errIncomplete) || errors.Is(err, ErrDamaged) {
		return false, nil
	}
	return err == nil, err
}

// Verify reads every block of the DAG under id that is here, and returns the
// CIDs of those that are damaged.
func (s *Store) Verify(ctx context.Context, id cid.Cid) (damaged []cid.Cid, err error) {
	err = s.walk(ctx, id, map[uint64]struct{}{}, func(id cid.Cid, _ int64, ok bool) error {
		_, err := s.read(id)
		if errors.Is(err, ErrDamaged) {
			damaged = append(damaged, id)
			return nil
		}
		if errors.Is(err, ErrMissing) {
			return nil
		}
		return err
	})
	return damaged, err
}
