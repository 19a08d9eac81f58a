package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newCheckpointVerify(folder *storeFolder) *cobra.Command {
	format := render.Table
	repair := false
	cmd := &cobra.Command{
		Use:   "verify [CHECKPOINT...]",
		Short: "Read every object of checkpoints, and name what is damaged",
		Long: `Checks the signature of some checkpoints, or of all, and reads every object they
need: each is compared with its hash. Every damaged page, part and object is
named. One wrong byte can be put right wherever it is; --repair does so on disk.
More than that comes back with an import of the same checkpoint.

Exit codes: 0 all is sound, 1 something is damaged, 125 it could not be looked at.`,
		Example: `  godwit checkpoint verify
  godwit checkpoint verify counter counter@3.17 -o json
  godwit checkpoint verify --repair`,
		ValidArgsFunction: completeNames(folder, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, letGo := withSignals(cmd.Context())
			defer letGo()
			report, err := verifyCheckpoints(ctx, *folder, args, repair, newProgress("verify"))
			if err != nil {
				return err
			}
			if err := render.Print(cmd.OutOrStdout(), format, report, report.table); err != nil {
				return err
			}
			return report.err()
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "write what one wrong byte was found in anew")
	addFormat(cmd, &format)
	return cmd
}

// verifyReport is what `godwit checkpoint verify` prints.
type verifyReport struct {
	Checkpoints []verifiedView `json:"checkpoints"`
	// ReadBytes were read and hashed.
	ReadBytes uint64 `json:"read_bytes"`
	// Store is what is wrong in the store's files, Lost how many such places
	// held something that is gone.
	Store []string `json:"store"`
	Lost  int      `json:"lost"`
	// Repaired is how many files were written anew.
	Repaired int `json:"repaired"`
	// Repairable is how many places could be put right.
	Repairable int `json:"repairable"`
}

// verifiedView is one checkpoint and what is wrong with it.
type verifiedView struct {
	Name     string       `json:"name"`
	Epoch    uint64       `json:"epoch"`
	Sequence uint64       `json:"sequence"`
	CID      string       `json:"cid"`
	Sound    bool         `json:"sound"`
	Damage   []damageView `json:"damage"`
}

// damageView is a damaged object and what is lost with it.
type damageView struct {
	Part   string `json:"part"`
	Object string `json:"object,omitempty"`
	// Pages are ranges of the memory in bytes, as 0x1000-0x3000.
	Pages []string `json:"pages"`
	Cause string   `json:"cause"`
}

func verifyCheckpoints(ctx context.Context, f storeFolder, specs []string, repair bool, p *progress) (*verifyReport, error) {
	open := f.read
	if repair {
		open = f.repair
	}
	s, err := open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	refs, err := findAll(s, specs)
	if err != nil {
		return nil, err
	}
	r := &verifyReport{Checkpoints: []verifiedView{}, Store: []string{}}
	get := checkpoint.GetterFunc(func(id cid.Cid) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data, err := s.Get(id)
		r.ReadBytes += uint64(len(data))
		p.report(func() string {
			return fmt.Sprintf("%d of %d checkpoints, %s read", len(r.Checkpoints), len(refs), units.Size(r.ReadBytes).Approx())
		})
		return data, err
	})
	auditor := checkpoint.NewAuditor(get)
	for _, ref := range refs {
		v, size := verifyOne(s, auditor, ref)
		r.Checkpoints = append(r.Checkpoints, v)
		r.ReadBytes += uint64(size)
		if cause := context.Cause(ctx); cause != nil {
			return nil, stoppedError{cause}
		}
	}
	p.end()
	return r, r.addStore(ctx, s, repair)
}

// repair opens a store that is there for writing.
func (f storeFolder) repair() (*store.Store, error) {
	dir, err := f.path()
	if err == nil {
		err = isStore(dir)
	}
	if err != nil {
		return nil, err
	}
	return openStore(dir, false)
}

// findAll is findCheckpoint for several, none for all.
func findAll(s *store.Store, specs []string) ([]checkpoint.Ref, error) {
	if len(specs) == 0 {
		return allCheckpoints(s), nil
	}
	var refs []checkpoint.Ref
	for _, spec := range specs {
		ref, err := findCheckpoint(s, spec)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// verifyOne also returns the size of the envelope, which it reads.
func verifyOne(s *store.Store, a *checkpoint.Auditor, ref checkpoint.Ref) (v verifiedView, envelope int) {
	v = verifiedView{Name: ref.Name, Epoch: ref.Epoch, Sequence: ref.Sequence, CID: ref.ID.String(), Damage: []damageView{}}
	signed, err := s.Load(ref.ID)
	found := []*checkpoint.DamageError{{Object: ref.ID, Part: "manifest", Err: err}}
	if err == nil {
		found, envelope = a.Verify(signed.Manifest), len(signed.Envelope)
	}
	for _, d := range found {
		v.Damage = append(v.Damage, viewDamage(d))
	}
	v.Sound = len(found) == 0
	return v, envelope
}

func viewDamage(d *checkpoint.DamageError) damageView {
	v := damageView{Part: d.Part, Pages: []string{}, Cause: d.Err.Error()}
	if d.Object.Defined() {
		v.Object = d.Object.String()
	}
	for _, r := range d.Pages {
		v.Pages = append(v.Pages, r.String())
	}
	return v
}

// addStore takes in what was found in the store's files, and puts right what
// can be.
func (r *verifyReport) addStore(ctx context.Context, s *store.Store, repair bool) error {
	for _, d := range s.Damage() {
		r.Store = append(r.Store, d.String())
		switch d.Kind {
		case store.Broken:
			r.Lost++
		case store.Repaired:
			r.Repairable++
		}
	}
	if !repair {
		return nil
	}
	var err error
	r.Repaired, err = s.Repair(ctx)
	return err
}

func (r *verifyReport) damaged() int {
	n := 0
	for _, c := range r.Checkpoints {
		if !c.Sound {
			n++
		}
	}
	return n
}

func (r *verifyReport) err() error {
	if n := r.damaged(); n > 0 || r.Lost > 0 {
		return damagedError{damaged: n, of: len(r.Checkpoints)}
	}
	return nil
}

// table prints what is damaged, and then how much is not.
func (r *verifyReport) table(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, "%s\n", render.Printable(fmt.Sprintf(format, args...)))
	}
	for _, c := range r.Checkpoints {
		if c.Sound {
			continue
		}
		line("damaged: %s@%d.%d %s", c.Name, c.Epoch, c.Sequence, c.CID)
		for _, d := range c.Damage {
			line("  %s%s%s: %s", d.Part, note(d.Object != "", "object "+d.Object), pagesNote(d.Pages), d.Cause)
		}
	}
	for _, text := range r.Store {
		line("%s", text)
	}
	line("%d of %d checkpoints are sound, %s read", len(r.Checkpoints)-r.damaged(), len(r.Checkpoints), units.Size(r.ReadBytes).Approx())
	switch {
	case r.Repaired > 0:
		line("repaired: %d files written anew", r.Repaired)
	case r.Repairable > 0:
		line("%d places could be put right: godwit checkpoint verify --repair does so on disk", r.Repairable)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func pagesNote(ranges []string) string {
	if len(ranges) == 0 {
		return ""
	}
	return ", memory " + strings.Join(ranges, " ")
}
