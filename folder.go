package godwit

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"golang.org/x/sys/unix"

	"github.com/godwit-run/godwit/internal/filelock"
)

// ErrLocked: another process, or another node of this one, uses the data folder.
var ErrLocked = errors.New("data folder is in use by another node")

// Names inside the data folder.
const (
	lockName    = "lock"
	keyName     = "key"
	journalName = "journal"
	blobsName   = "blobs"
	codeName    = "code"
	tempName    = "tmp"
	ballastName = "ballast"
)

// folder is the data folder of a node: everything that outlives its process.
type folder struct {
	dir  string
	lock *os.File
	// key is the node's identity.
	key ed25519.PrivateKey
	// born tells that the key was made just now: a new node.
	born bool
	// lost tells that there was a key without a journal: whatever this node had
	// accepted is gone, so the node that had accepted it is gone too.
	lost bool
}

// openFolder makes, checks and locks a data folder.
func openFolder(dir string) (_ *folder, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f := &folder{dir: dir}
	if err := f.checkPrivate(); err != nil {
		return nil, err
	}
	if err := f.takeLock(); err != nil {
		return nil, err
	}
	if err := f.loadKey(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// checkPrivate refuses a folder that others may enter: the key lies in it. An empty
// one is made private.
func (f *folder) checkPrivate() error {
	info, err := os.Stat(f.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &os.PathError{Op: "open", Path: f.dir, Err: unix.ENOTDIR}
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("data folder %s is open to others (mode %#o): chmod 700 it", f.dir, info.Mode().Perm())
	}
	return os.Chmod(f.dir, 0o700)
}

func (f *folder) takeLock() error {
	lock, err := os.OpenFile(f.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// The kernel may still be taking down a process that was killed.
	end := time.Now().Add(lockWait)
	for {
		err = filelock.Lock(lock)
		if !errors.Is(err, filelock.ErrHeld) || time.Now().After(end) {
			break
		}
		time.Sleep(lockPoll)
	}
	if err == nil {
		f.lock = lock
		return nil
	}
	lock.Close()
	if errors.Is(err, filelock.ErrHeld) {
		return fmt.Errorf("%s: %w", f.dir, ErrLocked)
	}
	return fmt.Errorf("lock %s: %w", f.dir, err)
}

// lockWait is how long a node waits for the lock of another that ends, and
// lockPoll how often it tries.
const (
	lockWait = 2 * time.Second
	lockPoll = 20 * time.Millisecond
)

// ErrFolderGone: the data folder was removed, or another disk lies over it.
var ErrFolderGone = errors.New("the data folder is gone from under the node")

// check tells whether the folder is still there, with the lock that we hold.
func (f *folder) check() error {
	held, err := f.lock.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(f.path(lockName))
	if err != nil || !os.SameFile(held, there) {
		return errors.Join(fmt.Errorf("%s: %w", f.dir, ErrFolderGone), err)
	}
	return nil
}

// loadKey reads the key, or makes one where there is none.
func (f *folder) loadKey() error {
	encoded, err := os.ReadFile(f.path(keyName))
	if errors.Is(err, fs.ErrNotExist) {
		return f.makeKey()
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(f.path(journalName)); errors.Is(err, fs.ErrNotExist) {
		f.lost = true
		if err := os.Rename(f.path(keyName), f.path(keyName+".lost")); err != nil {
			return err
		}
		return f.makeKey()
	}
	return f.parseKey(encoded)
}

func (f *folder) parseKey(encoded []byte) error {
	private, err := crypto.UnmarshalPrivateKey(encoded)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path(keyName), err)
	}
	raw, err := private.Raw()
	if err != nil || private.Type() != crypto.Ed25519 {
		return errors.Join(fmt.Errorf("%s: not an Ed25519 key", f.path(keyName)), err)
	}
	f.key = ed25519.PrivateKey(raw)
	return nil
}

// makeKey writes the key before anything is done under it, the whole of it or
// nothing. What was in the journal of another key goes with that key.
func (f *folder) makeKey() error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	private, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return err
	}
	encoded, err := crypto.MarshalPrivateKey(private)
	if err != nil {
		return err
	}
	if _, err := os.Stat(f.path(journalName)); err == nil {
		return fmt.Errorf("%s has a journal but no %s: put the key back, or remove the journal to start a new node", f.dir, keyName)
	}
	f.key, f.born = key, true
	return replaceFile(f.path(keyName), encoded)
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// close lets another node have the folder.
func (f *folder) close() error { return f.lock.Close() }

// replaceFile puts a file in place, readable by this user alone, on disk when it
// returns: after a crash there is the old file or the whole new one.
func replaceFile(name string, content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
