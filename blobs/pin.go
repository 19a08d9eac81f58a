package blobs

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-cid"
)

// Pin keeps a DAG from being collected. A CID may be pinned under many names,
// each for its own reason; it is kept as long as any is left. Tasks pin what
// they need under their own id.
type Pin struct {
	// Name tells the pins of one CID apart, 1 to MaxPinName bytes: "user",
	// "task/01J…", "model/llama".
	Name string
	// Reason is for people: why it is kept; up to MaxPinName bytes.
	Reason string
	// Local keeps the content without announcing to the network that it is
	// here: for the many short-lived pins of tasks.
	Local bool
	// CID is the root. Import fills it in.
	CID cid.Cid
	// Since is when it was pinned. Pin and Import fill it in if it is zero.
	Since time.Time
}

// validate checks all but the CID, which an import learns last.
func (p Pin) validate() error {
	if p.Name == "" || len(p.Name) > MaxPinName || len(p.Reason) > MaxPinName {
		return fmt.Errorf("blobs: a pin's name has 1 to %d bytes and its reason no more", MaxPinName)
	}
	return nil
}

// Pin keeps the DAG under pin.CID from now on, whatever of it is here already
// or comes later (see Fetch), and is on disk when it returns. Pinning again
// under the same name replaces the reason.
func (s *Store) Pin(pin Pin) error {
	if err := errors.Join(pin.validate(), allowed(pin.CID)); err != nil {
		return err
	}
	if err := s.setPin(pin); err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		return err
	}
	if !pin.Local {
		s.announce(pin.CID)
	}
	return nil
}

// announce offers content to the network if its root is here: what is pinned
// first and fetched then is announced by Fetch.
func (s *Store) announce(id cid.Cid) {
	x := s.attached()
	if x == nil {
		return
	}
	if _, ok, err := s.size(id); ok && err == nil {
		x.Announce(id)
	}
}

// setPin writes a pin; sync brings it to the disk.
func (s *Store) setPin(pin Pin) error {
	if pin.Since.IsZero() {
		pin.Since = time.Now()
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.roomToNote(); err != nil {
		return err
	}
	s.writes++
	return indexError(s.index.db.Set(pinKey(pin.CID, pin.Name), encodePin(pin), pebble.NoSync))
}

// Unpin takes a pin away. Errors: ErrNotPinned.
func (s *Store) Unpin(id cid.Cid, name string) error {
	if err := s.deletePin(id, name); err != nil {
		return err
	}
	return s.sync()
}

func (s *Store) deletePin(id cid.Cid, name string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := pinKey(id, name)
	_, closer, err := s.index.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("%w: %s as %q", ErrNotPinned, id, name)
	} else if err != nil {
		return fmt.Errorf("look up pin: %w", err)
	}
	if err := errors.Join(closer.Close(), s.roomToNote()); err != nil {
		return err
	}
	s.writes++
	return indexError(s.index.db.Delete(key, pebble.NoSync))
}

// PinsOf is the pins of one CID, ordered by name.
func (s *Store) PinsOf(id cid.Cid) (pins []Pin, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	err = s.index.pins(pinPrefix(id), func(p Pin) error {
		pins = append(pins, p)
		return nil
	})
	return pins, err
}

// errStop ends a scan whose consumer has enough.
var errStop = errors.New("stop")

// Pins yields all pins, ordered by CID, then name. An error is the last thing
// it yields.
func (s *Store) Pins() iter.Seq2[Pin, error] {
	return func(yield func(Pin, error) bool) {
		if err := s.enter(); err != nil {
			yield(Pin{}, err)
			return
		}
		defer s.leave()
		err := s.index.pins([]byte{keyPin}, func(p Pin) error {
			if !yield(p, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Pin{}, err)
		}
	}
}

// Pinned yields each pinned CID once, for the filter that nodes gossip. An
// error is the last thing it yields.
func (s *Store) Pinned() iter.Seq2[cid.Cid, error] {
	return s.pinned(func(Pin) bool { return true })
}

// Announced yields each CID that has a pin which is not Local, for the exchange
// to announce again.
func (s *Store) Announced() iter.Seq2[cid.Cid, error] {
	return s.pinned(func(p Pin) bool { return !p.Local })
}

func (s *Store) pinned(choose func(Pin) bool) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		last := cid.Undef
		for p, err := range s.Pins() {
			if err == nil && (p.CID == last || !choose(p)) {
				continue
			}
			last = p.CID
			if !yield(p.CID, err) {
				return
			}
		}
	}
}
