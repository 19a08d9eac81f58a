package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/godwit-run/godwit/checkpoint"
)

// Open reads all headers of the store in cfg.FS, an empty one to begin with,
// and whatever may not have been on disk before a crash. It changes nothing but
// to sync it; writing begins with a new segment.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, segments: map[uint64]*segment{}, index: map[cid.Cid]location{}, bad: map[cid.Cid]error{},
		names: map[string][]checkpoint.Ref{}, copies: map[cid.Cid][]uint64{},
		begun: map[*Batch]uint64{}, touched: map[cid.Cid]uint64{}, pages: newDictionary(cfg.IndexPages),
	}
	if !cfg.ReadOnly {
		if s.lock, err = cfg.FS.Lock(); err != nil {
			return nil, fmt.Errorf("open checkpoint store: %w", err)
		}
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open checkpoint store: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) load() error {
	segments, err := s.find()
	if err != nil {
		return err
	}
	for _, seg := range segments {
		s.segments[seg.number] = seg
		s.log.next = seg.number + 1
		if err := s.replay(seg); err != nil {
			return fmt.Errorf("segment %s: %w", seg.name, err)
		}
	}
	return s.listAll()
}

// find opens all segments, oldest first.
func (s *Store) find() ([]*segment, error) {
	names, err := s.cfg.FS.List()
	if err != nil {
		return nil, err
	}
	var segments []*segment
	for _, name := range names {
		number, salt, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		f, err := s.cfg.FS.Open(name)
		if s.cfg.ReadOnly && errors.Is(err, fs.ErrNotExist) {
			// Its owner has just removed it, having moved what it held.
			closeErr := closeAll(nil, segments)
			if closeErr != nil {
				return nil, closeErr
			}
			return s.find()
		}
		if err != nil {
			return nil, closeAll(err, segments)
		}
		seg := &segment{number: number, salt: salt, name: name, file: f}
		segments = append(segments, seg)
		if seg.size, err = f.Size(); err != nil {
			return nil, closeAll(err, segments)
		}
	}
	slices.SortFunc(segments, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	return segments, nil
}

func closeAll(err error, segments []*segment) error {
	for _, seg := range segments {
		err = joinClose(err, seg.file)
	}
	return err
}

func joinClose(err error, c io.Closer) error { return errors.Join(err, c.Close()) }

// replay indexes a segment's records. What another process wrote but did not
// sync before it was killed is still only in memory, so it is synced first.
func (s *Store) replay(seg *segment) error {
	if !s.cfg.ReadOnly {
		if err := seg.file.Sync(); err != nil {
			return err
		}
	}
	seg.synced = seg.size
	c, err := scan(seg.file, seg.size, seg.salt)
	if err != nil {
		return err
	}
	if err := c.whole(seg.file, seg.salt); err != nil {
		return err
	}
	for _, g := range c.gaps {
		kind := Broken
		if g.from >= c.durable {
			kind = Unfinished
			if s.cfg.ReadOnly {
				continue // its owner may be writing it
			}
		}
		s.damage = append(s.damage, Damage{seg.name, g.from, g.to, kind})
	}
	for _, g := range c.repaired {
		s.damage = append(s.damage, Damage{seg.name, g.from, g.to, Repaired})
	}
	for _, r := range c.records {
		s.recall(location{segment: seg, record: r})
	}
	return nil
}

// recall is know for what was written before the store was opened. Of two
// records of one object the later counts: it was written because the earlier is
// damaged, or to move it.
func (s *Store) recall(at location) {
	old, known := s.index[at.record.id]
	listed := known && old.record.kind == commit && at.record.kind == object
	if known && at.record.kind <= commit && !listed {
		s.forget(at.record.id)
	}
	s.know(at, nil)
}

// listAll reads the manifests of the checkpoints that count. One that cannot be
// read is damage, and is not listed.
func (s *Store) listAll() error {
	for _, at := range s.index {
		if at.record.kind != commit {
			continue
		}
		data, err := s.payload(at)
		if err != nil {
			s.damage = append(s.damage, Damage{at.segment.name, at.record.payload(), at.record.end(), Broken})
			continue
		}
		signed, err := checkpoint.OpenTrusted(data)
		if err != nil {
			return err // it was checked
		}
		s.insert(refOf(signed))
	}
	return nil
}
