package transfer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

const (
	cidBytes   = 36 // version 1, sha2-256, codec of one byte
	maxListed  = 1 << 17
	listedByte = cidBytes * maxListed
)

// What the other side has.
const (
	hasNothing = iota
	hasThis
	hasOther
	refuses // and why follows
)

// What follows.
const (
	objectsFollow = iota
	listFollows
)

// ErrPeer is wrapped when the other side does not keep to the protocol.
var ErrPeer = errors.New("transfer protocol")

// peerError is why the other side could not take a checkpoint.
type peerError struct{ text string }

func (e *peerError) Error() string { return "the other side: " + e.text }

// framer reads and writes frames.
type framer struct {
	r *bufio.Reader
	w *bufio.Writer
	// read and wrote count bytes.
	read, wrote int64
}

func newFramer(rw io.ReadWriter) *framer {
	return &framer{r: bufio.NewReaderSize(rw, 64<<10), w: bufio.NewWriterSize(rw, 64<<10)}
}

func (f *framer) put(parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(n))
	f.wrote += int64(n) + 4
	if _, err := f.w.Write(head[:]); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := f.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// get reads a frame of up to max bytes.
func (f *framer) get(max int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(max) {
		return nil, fmt.Errorf("%w: frame of %d bytes", ErrPeer, n)
	}
	f.read += int64(n) + 4
	b := make([]byte, n)
	if _, err := io.ReadFull(f.r, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	return b, nil
}

// Send brings a checkpoint of a store to another node, which receives it at the other end
// of rw, and returns once it is on that node's disk. The bytes that were sent come with
// it. What the other side lacks is found in recent, if that knows, else by comparison.
func Send(ctx context.Context, rw io.ReadWriter, s *store.Store, recent *Recent, signed *checkpoint.Signed) (sent int64, err error) {
	p := &pusher{framer: newFramer(rw), store: s, recent: recent, signed: signed}
	err = p.run(ctx)
	return p.wrote, err
}

// pusher is the side that has the checkpoint.
type pusher struct {
	*framer
	store  *store.Store
	recent *Recent
	signed *checkpoint.Signed
}

func (p *pusher) run(ctx context.Context) error {
	if err := errors.Join(p.put(p.signed.Envelope), p.w.Flush()); err != nil {
		return err
	}
	have, err := p.get(1 + maxReason)
	if err != nil {
		return err
	}
	switch {
	case len(have) > 0 && have[0] == refuses:
		return &peerError{strings.ToValidUTF8(string(have[1:]), "\uFFFD")}
	case len(have) == 1 && have[0] == hasThis:
		return p.done()
	case len(have) == 1 && have[0] == hasNothing:
		err = p.ask(ctx)
	case len(have) == 1+cidBytes && have[0] == hasOther:
		err = p.delta(ctx, have[1:])
	default:
		err = fmt.Errorf("%w: have of %d bytes", ErrPeer, len(have))
	}
	if err != nil {
		return err
	}
	return p.confirmed()
}

// confirmed waits until the other side has the checkpoint on disk.
func (p *pusher) confirmed() error {
	if err := errors.Join(p.put(), p.w.Flush()); err != nil {
		return err
	}
	return p.done()
}

func (p *pusher) done() error {
	done, err := p.get(maxReason)
	if err == nil && len(done) > 0 {
		err = &peerError{strings.ToValidUTF8(string(done), "\uFFFD")}
	}
	return err
}

// maxReason bounds the text that says why a push failed, in bytes.
const maxReason = 4 << 10

// delta sends what is not below the checkpoint that the other side has, if that is
// known here.
func (p *pusher) delta(ctx context.Context, base []byte) error {
	id, err := castCID(base)
	if err != nil {
		return err
	}
	ids, ok := p.recent.since(p.signed, id)
	if !ok {
		old, err := p.store.Load(id)
		if err != nil { // gone from here, or never seen
			return p.ask(ctx)
		}
		if ids, err = difference(p.signed, old, p.store); err != nil {
			return err
		}
	}
	if err := p.put([]byte{objectsFollow}); err != nil {
		return err
	}
	// What came and went since may be collected by now: the other side finds out if
	// anything is missing.
	ids = slices.DeleteFunc(ids, func(id cid.Cid) bool { return !p.store.Has(id) })
	return p.send(ctx, ids)
}

// ask lists all objects, and sends those that the other side wants.
func (p *pusher) ask(ctx context.Context) error {
	ids, err := objectsOf(p.signed, p.store)
	if err != nil {
		return err
	}
	if len(ids) > maxListed {
		return fmt.Errorf("checkpoint of %d objects: %w", len(ids), checkpoint.ErrTooLarge)
	}
	list := make([]byte, 0, len(ids)*cidBytes)
	for _, id := range ids {
		list = append(list, id.Bytes()...)
	}
	if err := errors.Join(p.put([]byte{listFollows}), p.put(list), p.w.Flush()); err != nil {
		return err
	}
	wanted, err := p.get((len(ids) + 7) / 8)
	if err != nil {
		return err
	}
	if len(wanted) != (len(ids)+7)/8 {
		return fmt.Errorf("%w: bitmap of %d bytes for %d objects", ErrPeer, len(wanted), len(ids))
	}
	var send []cid.Cid
	for i, id := range ids {
		if wanted[i/8]&(1<<(i%8)) != 0 {
			send = append(send, id)
		}
	}
	return p.send(ctx, send)
}

func (p *pusher) send(ctx context.Context, ids []cid.Cid) error {
	for _, id := range ids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		data, err := p.store.Get(id)
		if err != nil {
			return err
		}
		if err := p.put(id.Bytes(), data); err != nil {
			return err
		}
	}
	return nil
}

// objectsOf lists all objects of a checkpoint but the manifest.
func objectsOf(s *checkpoint.Signed, g checkpoint.Getter) ([]cid.Cid, error) {
	seen := map[cid.Cid]bool{}
	var ids []cid.Cid
	err := checkpoint.Mark(s.Manifest, g, func(id cid.Cid) bool {
		if seen[id] {
			return false
		}
		seen[id] = true
		ids = append(ids, id)
		return true
	})
	return ids, err
}

// difference lists the objects of a checkpoint that are not below an older one.
func difference(s, old *checkpoint.Signed, g checkpoint.Getter) ([]cid.Cid, error) {
	have := map[cid.Cid]bool{}
	enter := func(id cid.Cid) bool {
		fresh := !have[id]
		have[id] = true
		return fresh
	}
	if err := checkpoint.Mark(old.Manifest, g, enter); err != nil {
		return nil, err
	}
	var ids []cid.Cid
	err := checkpoint.Mark(s.Manifest, g, func(id cid.Cid) bool {
		if !enter(id) {
			return false
		}
		ids = append(ids, id)
		return true
	})
	return ids, err
}

// castCID reads the CID of a checkpoint or of an object.
func castCID(b []byte) (cid.Cid, error) {
	id, err := cid.Cast(b)
	if err != nil || len(b) != cidBytes {
		return cid.Undef, fmt.Errorf("%w: not a CID", ErrPeer)
	}
	return id, nil
}
