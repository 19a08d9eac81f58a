package checkpoint

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

// Root is the object to export or pin a checkpoint by: below it are the
// envelope and the manifest, and so everything.
type Root struct {
	// Envelope is the CID of the envelope, a raw object.
	Envelope cid.Cid
	// Manifest is the checkpoint's CID.
	Manifest cid.Cid
}

type wireRoot struct {
	Version  uint64 `cbor:"v"`
	Envelope link   `cbor:"envelope"`
	Manifest link   `cbor:"manifest"`
}

// RootOf returns the objects that the store keeps in another form: the root,
// the envelope and the manifest.
func RootOf(s *Signed) (root, envelope, manifest Object) {
	envelope = NewRaw(s.Envelope)
	root = newNode(must(encoding.Marshal(wireRoot{Version, link{envelope.ID}, link{s.ID}})))
	return root, envelope, Object{ID: s.ID, Data: s.Encoded}
}

func decodeRoot(b []byte) (Root, error) {
	var w wireRoot
	if err := decodeExact(b, &w); err != nil {
		return Root{}, fmt.Errorf("root: %w", err)
	}
	r := Root{w.Envelope.Cid, w.Manifest.Cid}
	if w.Version != Version || r.Envelope.Type() != cid.Raw || r.Manifest.Type() != cid.DagCBOR {
		return Root{}, fmt.Errorf("root: %w", ErrFormat)
	}
	return r, nil
}

// carHeader is that of CAR version 1. https://ipld.io/specs/transport/car/carv1/
type carHeader struct {
	Roots   []link `cbor:"roots"`
	Version uint64 `cbor:"version"`
}

const maxCARHeader = 256

// Export writes a checkpoint as a CAR file of version 1 whose root is
// RootOf(s): the root first, then the envelope, the manifest last, everything
// once.
func Export(w io.Writer, s *Signed, g Getter) error {
	root, envelope, _ := RootOf(s)
	out := bufio.NewWriterSize(w, 1<<16)
	header := must(encoding.Marshal(carHeader{Roots: []link{{root.ID}}, Version: 1}))
	if err := writeSection(out, header); err != nil {
		return err
	}
	for _, o := range []Object{root, envelope} {
		if err := writeSection(out, o.ID.Bytes(), o.Data); err != nil {
			return err
		}
	}
	for o, err := range Missing(s, g, func(cid.Cid) bool { return false }) {
		if err != nil {
			return fmt.Errorf("export checkpoint: %w", err)
		}
		if err := writeSection(out, o.ID.Bytes(), o.Data); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export checkpoint: %w", err)
	}
	return nil
}

// writeSection writes parts after their length.
func writeSection(w io.Writer, parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	for _, p := range append([][]byte{binary.AppendUvarint(nil, uint64(n))}, parts...) {
		if _, err := w.Write(p); err != nil {
			return fmt.Errorf("export checkpoint: %w", err)
		}
	}
	return nil
}

// Sink takes in objects and gives them back.
type Sink interface {
	Getter
	Put(o Object) error
}

// ErrTooLarge is wrapped when an import goes beyond what it may take.
var ErrTooLarge = errors.New("checkpoint is too large")

// Import reads what Export wrote, or `ipfs dag export` of its root: OpenCAR and
// Read.
func Import(r io.Reader, v Verifier, sink Sink, maxBytes uint64) (*Signed, error) {
	car, err := OpenCAR(r, v, maxBytes)
	if err != nil {
		return nil, err
	}
	if err := car.Read(sink); err != nil {
		return nil, err
	}
	return car.Signed, nil
}

// CAR is a CAR file of which only the beginning has been read: whose
// checkpoint it is can be decided before its objects are taken in.
type CAR struct {
	*Signed
	in *carReader
}

// OpenCAR reads a CAR file up to the envelope and verifies the signature.
// Sections may be as large as an object, and all together maxBytes. Errors wrap
// [ErrFormat], [ErrHash], [ErrSignature] or [ErrTooLarge], or come from r.
func OpenCAR(r io.Reader, v Verifier, maxBytes uint64) (*CAR, error) {
	in := &carReader{r: bufio.NewReaderSize(r, 1<<16), left: maxBytes}
	s, err := in.readSigned(v)
	if err != nil {
		return nil, fmt.Errorf("import checkpoint: %w", err)
	}
	return &CAR{s, in}, nil
}

// Read reads the rest. Every object is checked against its name and put into
// sink as it comes, the manifest among them. At the end the checkpoint is
// complete, counting what sink had before, and has nothing beside it. Errors are
// those of OpenCAR, a *[DamageError] if an object is missing, or come from sink;
// what was put by then is garbage.
func (c *CAR) Read(sink Sink) error {
	received := map[cid.Cid]bool{}
	for {
		o, err := c.in.object()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = sink.Put(o)
		}
		if err != nil {
			return fmt.Errorf("import checkpoint: %w", err)
		}
		received[o.ID] = true
	}
	if err := complete(c.Signed, sink, received); err != nil {
		return fmt.Errorf("import checkpoint: %w", err)
	}
	return nil
}

// complete walks the whole checkpoint, through what the sink had before too:
// only a signature says what was meant, and that covers all.
func complete(s *Signed, g Getter, received map[cid.Cid]bool) error {
	for o, err := range Missing(s, g, func(cid.Cid) bool { return false }) {
		if err != nil {
			return err
		}
		delete(received, o.ID)
	}
	for id := range received {
		return fmt.Errorf("object %s is not part of it: %w", id, ErrFormat)
	}
	return nil
}

// carReader reads sections within a number of bytes.
type carReader struct {
	r    *bufio.Reader
	left uint64
}

// readSigned reads the header, the root and the envelope.
func (c *carReader) readSigned(v Verifier) (*Signed, error) {
	b, err := c.section(maxCARHeader)
	if err != nil {
		return nil, noEOF(err)
	}
	var h carHeader
	if err := decodeExact(b, &h); err != nil {
		return nil, fmt.Errorf("car header: %w", err)
	}
	if h.Version != 1 || len(h.Roots) != 1 || !h.Roots[0].Defined() {
		return nil, fmt.Errorf("car of version %d with %d roots: %w", h.Version, len(h.Roots), ErrFormat)
	}
	b, err = c.named(h.Roots[0].Cid)
	if err != nil {
		return nil, err
	}
	root, err := decodeRoot(b)
	if err != nil {
		return nil, err
	}
	if b, err = c.named(root.Envelope); err != nil {
		return nil, err
	}
	s, err := Open(b, v)
	if err == nil && s.ID != root.Manifest {
		err = fmt.Errorf("envelope is of checkpoint %s, not %s: %w", s.ID, root.Manifest, ErrFormat)
	}
	return s, err
}

// named reads the object that must come next.
func (c *carReader) named(id cid.Cid) ([]byte, error) {
	o, err := c.object()
	if err != nil {
		return nil, noEOF(err)
	}
	if o.ID != id {
		return nil, fmt.Errorf("object %s where %s must be: %w", o.ID, id, ErrFormat)
	}
	return o.Data, nil
}

// object reads and checks an object. At the end it returns io.EOF.
func (c *carReader) object() (Object, error) {
	b, err := c.section(idSize + max(MaxObject, MaxEnvelope))
	if err != nil {
		return Object{}, err
	}
	if len(b) < idSize {
		return Object{}, fmt.Errorf("car section of %d bytes: %w", len(b), ErrFormat)
	}
	id, err := parseID(b[:idSize])
	if err != nil {
		return Object{}, err
	}
	o := Object{ID: id, Data: b[idSize:]}
	return o, Check(id, o.Data)
}

// section reads a length and as many bytes; memory grows with what comes, not
// with what is announced.
func (c *carReader) section(most uint64) ([]byte, error) {
	if _, err := c.r.Peek(1); err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(c.r)
	if err != nil {
		return nil, fmt.Errorf("car section length: %w: %w", ErrFormat, err)
	}
	if n > most || n == 0 {
		return nil, fmt.Errorf("car section of %d bytes, at most %d: %w", n, most, ErrTooLarge)
	}
	if n > c.left {
		return nil, fmt.Errorf("more than the bytes allowed: %w", ErrTooLarge)
	}
	c.left -= n
	var b bytes.Buffer
	if _, err := io.CopyN(&b, c.r, int64(n)); err != nil {
		return nil, noEOF(err)
	}
	return b.Bytes(), nil
}

// noEOF is for where the end comes too soon.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrFormat, io.ErrUnexpectedEOF)
	}
	return err
}
