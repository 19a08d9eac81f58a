package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

// Receive takes a checkpoint of that name, of at most max bytes, which another node sends
// at the other end of rw, and returns it once it is on disk: all of it, every object
// checked against its name, its signature against its owner. Who that owner is, and
// whether the sender may send it, is the caller's to judge: accept, unless it is nil,
// refuses what is offered before anything of it is taken.
func Receive(ctx context.Context, rw io.ReadWriter, s *store.Store, name string, max int64, accept func(*checkpoint.Signed) error) (*checkpoint.Signed, error) {
	r := &receiver{framer: newFramer(rw), store: s, name: name, max: max, accept: accept}
	return r.run(ctx)
}

// errRefused is wrapped when an offer was not accepted, and the other side told.
var errRefused = errors.New("refused")

// receiver is the side of a push that takes a checkpoint.
type receiver struct {
	*framer
	store *store.Store
	name  string // of the checkpoints that it takes
	max   int64  // bytes that a push may have
	// accept refuses what is offered; nil takes all.
	accept func(*checkpoint.Signed) error
}

// run takes one checkpoint. Whatever goes wrong on this side is told to the other one
// too.
func (r *receiver) run(ctx context.Context) (*checkpoint.Signed, error) {
	signed, err := r.take(ctx)
	if err == nil {
		return signed, errors.Join(r.put(), r.w.Flush())
	}
	if errors.Is(err, ErrPeer) || errors.Is(err, errRefused) {
		return nil, err // nobody listens, or it was said
	}
	reason := []byte(err.Error())
	return nil, errors.Join(err, r.put(reason[:min(len(reason), maxReason)]), r.w.Flush())
}

func (r *receiver) take(ctx context.Context) (*checkpoint.Signed, error) {
	signed, err := r.offer()
	if err != nil {
		return nil, err
	}
	this, newest := r.have(signed.ID)
	if this {
		if err := errors.Join(r.put([]byte{hasThis}), r.w.Flush()); err != nil {
			return nil, err
		}
		return signed, nil
	}
	b := r.store.Begin()
	defer b.Close()
	if err := r.want(b, newest); err != nil {
		return nil, err
	}
	if err := r.objects(ctx, b); err != nil {
		return nil, err
	}
	return signed, r.commit(b, signed)
}

// offer reads what is offered.
func (r *receiver) offer() (*checkpoint.Signed, error) {
	envelope, err := r.get(checkpoint.MaxEnvelope)
	if err != nil {
		return nil, err
	}
	signed, err := checkpoint.Open(envelope, checkpoint.Ed25519{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	if signed.Name != r.name {
		return nil, fmt.Errorf("%w: a checkpoint of %q, not of %q", ErrPeer, signed.Name, r.name)
	}
	if r.accept != nil {
		if err := r.accept(signed); err != nil {
			reason := []byte(err.Error())
			refusal := append([]byte{refuses}, reason[:min(len(reason), maxReason)]...)
			return nil, fmt.Errorf("%w: %w", errRefused, errors.Join(err, r.put(refusal), r.w.Flush()))
		}
	}
	return signed, nil
}

// have tells whether the checkpoint is here, and what is the newest one of its name.
func (r *receiver) have(id cid.Cid) (this bool, newest cid.Cid) {
	refs := r.store.List(r.name)
	for _, ref := range refs {
		this = this || ref.ID == id
		newest = ref.ID
	}
	return this, newest
}

// want says what is here, and of a list what is not.
func (r *receiver) want(b *store.Batch, newest cid.Cid) error {
	have := []byte{hasNothing}
	if newest.Defined() {
		have = append([]byte{hasOther}, newest.Bytes()...)
	}
	if err := errors.Join(r.put(have), r.w.Flush()); err != nil {
		return err
	}
	mode, err := r.get(1)
	if err != nil {
		return err
	}
	if len(mode) == 1 && mode[0] == objectsFollow {
		return nil
	}
	list, err := r.get(listedByte)
	if err != nil {
		return err
	}
	if len(list)%cidBytes != 0 {
		return fmt.Errorf("%w: list of %d bytes", ErrPeer, len(list))
	}
	wanted := make([]byte, (len(list)/cidBytes+7)/8)
	for i := range len(list) / cidBytes {
		id, err := castCID(list[i*cidBytes : (i+1)*cidBytes])
		if err != nil {
			return err
		}
		if !b.Has(id) {
			wanted[i/8] |= 1 << (i % 8)
		}
	}
	return errors.Join(r.put(wanted), r.w.Flush())
}

// objects takes objects until the empty frame. Each is checked against its name.
func (r *receiver) objects(ctx context.Context, b *store.Batch) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		frame, err := r.get(cidBytes + checkpoint.MaxObject)
		if err != nil || len(frame) == 0 {
			return err
		}
		if len(frame) < cidBytes {
			return fmt.Errorf("%w: object of %d bytes", ErrPeer, len(frame))
		}
		if r.read > r.max {
			return fmt.Errorf("%w: more than %d bytes", ErrPeer, r.max)
		}
		id, err := castCID(frame[:cidBytes])
		if err != nil {
			return err
		}
		if err := checkpoint.Check(id, frame[cidBytes:]); err != nil {
			return fmt.Errorf("%w: %w", ErrPeer, err)
		}
		if err := b.Put(checkpoint.Object{ID: id, Data: frame[cidBytes:]}); err != nil {
			return err
		}
	}
}

// commit makes the checkpoint count here. One that is older than others is one that a
// log has chosen over them.
func (r *receiver) commit(b *store.Batch, signed *checkpoint.Signed) error {
	err := b.Commit(signed)
	if errors.Is(err, checkpoint.ErrStale) {
		return b.Add(signed)
	}
	return err
}
