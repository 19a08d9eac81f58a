package main

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
)

// storeVariable names the environment variable for the folder of checkpoints.
const storeVariable = "GODWIT_CHECKPOINTS"

func newCheckpoint() *cobra.Command {
	var folder storeFolder
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "List, show, verify, export and import checkpoints",
		Long: `Works on the checkpoints in a folder, a node's or one of your own: from a
checkpoint a task or actor continues on any machine. Looking at a folder is
possible while a node uses it; import and verify --repair are not.

CHECKPOINT is a name, for the newest of that name; NAME@EPOCH.SEQUENCE; or the
first letters of a CID.

The folder is --store DIR, or else $` + storeVariable + `, or else
godwit/checkpoints in the user's data folder (~/.local/share on Linux).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar((*string)(&folder), "store", "", "use the checkpoints in `DIR`")
	complete(cmd, "store", completeDir)
	cmd.AddCommand(newCheckpointLs(&folder), newCheckpointShow(&folder), newCheckpointVerify(&folder),
		newCheckpointExport(&folder), newCheckpointImport(&folder))
	return cmd
}

// storeFolder is the value of --store.
type storeFolder string

// path is the folder that is meant.
func (f storeFolder) path() (string, error) {
	if f != "" {
		return string(f), nil
	}
	if dir := os.Getenv(storeVariable); dir != "" {
		return dir, nil
	}
	data, err := userDataDir()
	if err != nil {
		return "", hintedError{err, "name the folder of checkpoints with --store DIR or $" + storeVariable}
	}
	return filepath.Join(data, "godwit", "checkpoints"), nil
}

// userDataDir is where a user's programs keep what is not a cache.
// https://specifications.freedesktop.org/basedir-spec/latest/
func userDataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if goruntime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support"), nil
	}
	return filepath.Join(home, ".local", "share"), nil
}

// read opens the store for looking at it.
func (f storeFolder) read() (*store.Store, error) {
	dir, err := f.path()
	if err != nil {
		return nil, err
	}
	if err := isStore(dir); err != nil {
		return nil, err
	}
	return openStore(dir, true)
}

// isStore fails for a folder without a trace of a store: a mistyped name must
// not look like an empty store.
func isStore(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return hintedError{fmt.Errorf("no checkpoints in %s: there is no such folder", dir), "name the folder with --store DIR or $" + storeVariable}
	}
	if err != nil {
		return fmt.Errorf("checkpoint store: %w", err)
	}
	for _, e := range entries {
		if name := e.Name(); name == "lock" || filepath.Ext(name) == ".seg" {
			return nil
		}
	}
	return hintedError{fmt.Errorf("no checkpoints in %s: it is no checkpoint store", dir), "name the folder with --store DIR or $" + storeVariable}
}

// write opens the store for changing it, and makes it if need be.
func (f storeFolder) write() (*store.Store, error) {
	dir, err := f.path()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("checkpoint store: %w", err)
	}
	return openStore(dir, false)
}

func openStore(dir string, readOnly bool) (*store.Store, error) {
	s, err := store.Open(store.Config{FS: store.Dir(dir), Rand: rand.Reader, ReadOnly: readOnly, IndexPages: -1})
	if errors.Is(err, store.ErrInUse) {
		return nil, hintedError{fmt.Errorf("checkpoint store %s is in use by another process", dir), "stop the node that uses it, or name another folder with --store DIR"}
	}
	return s, err
}

// peerID is the owner's name on the mesh, which follows from the key.
// https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
func peerID(key []byte) string {
	const longest, identity, sha2 = 42, 0x00, 0x12
	hash := append([]byte{identity, byte(len(key))}, key...)
	if len(key) > longest {
		sum := sha256.Sum256(key)
		hash = append([]byte{sha2, sha256.Size}, sum[:]...)
	}
	return cid.NewCidV1(cid.Libp2pKey, hash).Hash().B58String()
}

// title is a checkpoint as people name it.
func title(r checkpoint.Ref) string { return fmt.Sprintf("%s@%s", r.Name, r.Order) }

func refOf(s *checkpoint.Signed) checkpoint.Ref {
	return checkpoint.Ref{ID: s.ID, Name: s.Name, Order: s.Order, Time: s.Time}
}
