package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

// stateFlags are the flags of `run` that keep a run while it goes on, in a file, or an instance
// between calls, in a folder.
type stateFlags struct {
	checkpoint string
	resume     string
	every      time.Duration
	after      fuelValue
	name       string
	owner      string
}

func (f *stateFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.checkpoint, "checkpoint", "", "keep the run in `FILE` while it goes on, so that --resume can finish it; with --invoke, and neither --every nor --suspend-after: keep the instance in the folder FILE when FUNC has returned")
	fs.StringVar(&f.resume, "resume", "", "go on with the run in `FILE`, or the newest instance in a folder; none yet is all right if --checkpoint names the same")
	fs.DurationVar(&f.every, "every", 100*time.Millisecond, "keep the run every `TIME`")
	fs.Var(&f.after, "suspend-after", "stop the run when it has used `N` units of fuel, and keep it")
	fs.StringVar(&f.name, "name", "", "`NAME` of the checkpoints in a folder (default the module's)")
	fs.StringVar(&f.owner, "owner", "", "resume what this `PEER` has signed, not the folder's own key")
	fs.Lookup("suspend-after").DefValue = ""
	for _, file := range []string{"checkpoint", "resume"} {
		complete(cmd, file, completeFile)
	}
	for _, flag := range []string{"every", "suspend-after", "name", "owner"} {
		complete(cmd, flag, cobra.NoFileCompletions)
	}
}

// keeper keeps the instance of one run: it gives the state to begin with, and takes
// the one that is left.
type keeper struct {
	ctx    context.Context // of the run
	flags  stateFlags
	memory uint64 // the most that an instance may have, in bytes
	module *runtime.Module
	from   *store.Store // to resume from; nil if the run begins anew
	to     *store.Store // to keep in; nil if nothing is kept
	last   *checkpoint.Signed
	image  *os.File    // the linear memory of last
	kept   *keptReport // the checkpoint that was made, if one was
}

// keptReport tells of a checkpoint that a run has made.
type keptReport struct {
	Name  string `json:"name"`
	Order string `json:"order"` // epoch.sequence
	CID   string `json:"cid"`
	// State is a hash over all that the instance was, in hexadecimal: the same
	// wherever it goes on from here.
	State string `json:"state"`
}

// String says so in words.
func (k *keptReport) String() string { return fmt.Sprintf("kept as %s@%s, %s", k.Name, k.Order, k.CID) }

// newKeeper opens what the flags name, and nothing if they name nothing.
func newKeeper(ctx context.Context, f runFlags, module *runtime.Module, file string) (*keeper, error) {
	k := &keeper{ctx: ctx, flags: f.state, memory: uint64(f.memory), module: module}
	return k, k.begin(file, f.invoke)
}

func (k *keeper) begin(file, invoke string) error {
	f := k.flags
	if f.checkpoint == "" && f.resume == "" {
		if f.name != "" || f.owner != "" {
			return errors.New("--name and --owner are for --checkpoint and --resume")
		}
		return nil
	}
	if invoke == "" {
		return hintedError{errors.New("what is in a folder is kept between calls, and nothing is called"),
			"name an exported function with --invoke, or a file to keep a run while it goes on"}
	}
	if k.flags.name == "" {
		k.flags.name = strings.TrimSuffix(filepath.Base(file), ".wasm")
	}
	if err := k.open(); err != nil {
		return errors.Join(err, k.close())
	}
	return nil
}

func (k *keeper) open() (err error) {
	f := k.flags
	if f.checkpoint != "" {
		if k.to, err = storeFolder(f.checkpoint).write(); err != nil {
			return err
		}
	}
	switch {
	case f.resume == "":
		return nil
	case f.resume == f.checkpoint:
		k.from = k.to
	default:
		if k.from, err = storeFolder(f.resume).read(); err != nil {
			return err
		}
	}
	return k.load()
}

// load finds the newest whole checkpoint that is to be trusted.
func (k *keeper) load() error {
	for _, d := range k.from.Damage() {
		if d.Kind == store.Broken {
			fmt.Fprintf(os.Stderr, "godwit: %s: %v: what it held is lost\n", k.flags.resume, d)
		}
	}
	last, damaged, err := k.from.Newest(k.flags.name)
	if errors.Is(err, checkpoint.ErrNotFound) && len(damaged) == 0 {
		if k.from == k.to {
			return nil // the first of runs that all have the same flags
		}
		return hintedError{fmt.Errorf("no checkpoint of %q in %s", k.flags.name, k.flags.resume), "leave --resume out to begin anew"}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k.flags.resume, err)
	}
	for _, d := range damaged {
		fmt.Fprintf(os.Stderr, "godwit: %s is damaged and passed over: %v\n", title(d.Ref), d.Damage[0])
	}
	if err := k.trusted(last); err != nil {
		return err
	}
	k.last = last
	return k.loadImage()
}

func (k *keeper) trusted(last *checkpoint.Signed) error {
	owner := peerID(last.Owner)
	if k.flags.owner != "" {
		if owner != k.flags.owner {
			return fmt.Errorf("%s is signed by %s, not by %s", title(refOf(last)), owner, k.flags.owner)
		}
		return nil
	}
	own, err := ownerKey(k.flags.resume, false)
	if err == nil && owner == peerID(own.PublicKey()) {
		return nil
	}
	return hintedError{fmt.Errorf("%s is signed by %s, not by this folder's own key", title(refOf(last)), owner),
		"if you trust it: --owner " + owner}
}

// loadImage makes a file of the linear memory, which is gone with the process.
func (k *keeper) loadImage() (err error) {
	k.image, err = memoryFile(k.ctx, title(refOf(k.last)), k.last.Memory, k.memory, k.from)
	return err
}

// memoryFile makes a file of a linear memory, which is gone with the process. title names the
// checkpoint that it is of.
func memoryFile(ctx context.Context, title string, m checkpoint.Memory, limit uint64, objects checkpoint.Getter) (_ *os.File, err error) {
	if m.Size > limit {
		return nil, hintedError{fmt.Errorf("%s has %s of memory, more than the limit of %s", title, units.Size(m.Size), units.Size(limit)),
			"allow more with --memory"}
	}
	f, err := os.CreateTemp("", "godwit-memory-*")
	if err != nil {
		return nil, fmt.Errorf("linear memory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := errors.Join(os.Remove(f.Name()), f.Truncate(int64(m.Size))); err != nil {
		return nil, fmt.Errorf("linear memory: %w", err)
	}
	im, err := checkpoint.LoadImage(m, objects)
	if err != nil {
		return nil, err
	}
	return f, im.WriteTo(interruptible{ctx, f}, objects)
}

// interruptible stops writing when its context is done.
type interruptible struct {
	ctx context.Context
	to  io.WriterAt
}

// WriteAt implements io.WriterAt.
func (w interruptible) WriteAt(p []byte, off int64) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.to.WriteAt(p, off)
}

// task makes the run begin with what was kept, and keep what is left.
func (k *keeper) task(t *runtime.Task) error {
	if k.last != nil {
		state, err := k.last.ReadState(k.from)
		if err != nil {
			return err
		}
		t.From = &runtime.Saved{
			Module: k.last.Module, Fuel: k.last.Fuel, State: state, Size: k.last.Memory.Size, Memory: k.image,
		}
	}
	if k.to != nil {
		t.Keep = k.keep
	}
	return nil
}

// keep captures the instance and stores it.
func (k *keeper) keep(i *runtime.Instance) error {
	owner, err := ownerKey(k.flags.checkpoint, true)
	if err != nil {
		return err
	}
	chain, err := k.chain(i, owner)
	if err != nil {
		return err
	}
	c, err := i.Capture()
	if err != nil {
		return err
	}
	hash, err := i.StateHash()
	if err != nil {
		return err
	}
	if c.Order, err = k.order(); err != nil {
		return err
	}
	c.Time = time.Now()
	ready, err := chain.Update(c)
	if err != nil {
		return err
	}
	if err := k.to.Save(ready); err != nil {
		return err
	}
	if _, err = k.to.Retain(k.flags.name, checkpoint.DefaultPolicy(), c.Time, nil); err != nil {
		return err
	}
	if _, err := k.to.Collect(k.ctx); err != nil {
		return err
	}
	k.kept = &keptReport{Name: ready.Name, Order: ready.Order.String(), CID: ready.ID.String(), State: hex.EncodeToString(hash[:])}
	return nil
}

// chain goes on from what the run began with, if that is in the same folder; else
// the checkpoint has all of the memory.
func (k *keeper) chain(i *runtime.Instance, owner checkpoint.Signer) (*checkpoint.Chain, error) {
	cfg := checkpoint.Config{Name: k.flags.name, Module: k.module.CID(), Owner: owner, Old: k.to}
	if k.last != nil && k.from == k.to {
		return checkpoint.Resume(cfg, k.last, k.to)
	}
	if k.last != nil {
		all := checkpoint.PageRange{First: 0, Count: int(k.last.Memory.Size / checkpoint.PageSize)}
		if err := i.Recapture([]checkpoint.PageRange{all}); err != nil {
			return nil, err
		}
	}
	return checkpoint.NewChain(cfg)
}

// order puts the checkpoint after all that there are: each run is an activation of
// its own.
func (k *keeper) order() (checkpoint.Order, error) {
	o := checkpoint.Order{Epoch: 1, Sequence: 1}
	if k.last != nil {
		o.Epoch = k.last.Epoch + 1
	}
	newest, err := k.to.Latest(k.flags.name)
	if errors.Is(err, checkpoint.ErrNotFound) {
		return o, nil
	}
	if err == nil {
		o.Epoch = max(o.Epoch, newest.Epoch+1)
	}
	return o, err
}

// said is what became of --checkpoint, in words.
func (k *keeper) said(r *runtime.Result) string {
	switch {
	case k == nil:
	case k.kept != nil:
		return k.kept.String()
	case k.to != nil && r.Status == runtime.StatusSucceeded:
		return "nothing is kept: the guest has exited"
	}
	return ""
}

func (k *keeper) close() error {
	var errs []error
	if k.image != nil {
		errs = append(errs, k.image.Close())
	}
	if k.from != nil && k.from != k.to {
		errs = append(errs, k.from.Close())
	}
	if k.to != nil {
		errs = append(errs, k.to.Close())
	}
	k.image, k.from, k.to = nil, nil, nil
	return errors.Join(errs...)
}

// keyFile holds the seed of the key that signs a folder's checkpoints, in
// hexadecimal.
const keyFile = "owner.key"

// ownerKey reads the key of a folder, or makes one if there is none.
func ownerKey(dir string, make bool) (checkpoint.Ed25519Key, error) {
	name := filepath.Join(dir, keyFile)
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) && make {
		return newOwnerKey(name)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key %s: not %d bytes in hexadecimal", name, ed25519.SeedSize)
	}
	return checkpoint.Ed25519Key(ed25519.NewKeyFromSeed(seed)), nil
}

// newOwnerKey makes a key. Its file gets its name when it is whole and on disk, so
// that no crash leaves half of one.
func newOwnerKey(name string) (_ checkpoint.Ed25519Key, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("signing key: %w", err)
		}
	}()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+keyFile+".*") // readable by its owner alone
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(hex.EncodeToString(key.Seed()) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), name)
	}
	if err = errors.Join(err, os.Remove(f.Name())); errors.Is(err, fs.ErrExist) {
		return ownerKey(filepath.Dir(name), false) // another process was faster
	}
	return checkpoint.Ed25519Key(key), err
}
