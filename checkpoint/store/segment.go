package store

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// segment is an append-only file of records. Only the newest is written to;
// opening a store begins another.
type segment struct {
	number uint64
	salt   uint32
	name   string
	file   File
	// size is where the next record goes, synced how much has been synced.
	size, synced int64
	// live is the number of bytes that the index points to. The store's lock
	// guards it.
	live int64
	// readers are reads in progress: begun while the index points here, waited
	// for when it does not any more.
	readers sync.WaitGroup
}

const suffix = ".seg"

// segmentName has the salt in it: lost, it would take the segment with it.
func segmentName(number uint64, salt uint32) string {
	return fmt.Sprintf("%016x-%08x%s", number, salt, suffix)
}

// parseSegmentName is the inverse; false for files that are none of ours.
func parseSegmentName(name string) (number uint64, salt uint32, ok bool) {
	base, _ := strings.CutSuffix(name, suffix)
	n, s, _ := strings.Cut(base, "-")
	number, errN := strconv.ParseUint(n, 16, 64)
	salt64, errS := strconv.ParseUint(s, 16, 32)
	salt = uint32(salt64)
	return number, salt, errN == nil && errS == nil && segmentName(number, salt) == name
}

// close waits for readers.
func (s *segment) close() error {
	s.readers.Wait()
	return s.file.Close()
}
