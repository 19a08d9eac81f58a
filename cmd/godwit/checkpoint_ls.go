package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/checkpoint/store"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newCheckpointLs(folder *storeFolder) *cobra.Command {
	format := render.Table
	var keep keepFlags
	cmd := &cobra.Command{
		Use:   "ls [NAME...]",
		Short: "List checkpoints, and why each is kept",
		Long: `Lists the checkpoints of all names, or of some, the newest of each first: when it
was captured, the module, the size of the memory, the bytes on disk that it has
and those before it have not, and who signed it. KEPT says which rules of a
retention policy keep it; ls itself removes nothing. The policy is the last three
and the newest of each of the last ten minutes, 24 hours and seven days that have
any, or what the --keep flags say instead.`,
		Example: `  godwit checkpoint ls
  godwit checkpoint ls counter --keep-last 5 --keep-every 1h=24
  godwit checkpoint ls -o json | jq '.[].cid'`,
		ValidArgsFunction: completeNames(folder, true),
		RunE: func(cmd *cobra.Command, names []string) error {
			s, err := folder.read()
			if err != nil {
				return err
			}
			defer s.Close()
			rows, err := listCheckpoints(s, names, keep.policy())
			if err != nil {
				return err
			}
			warnOfDamage(cmd.ErrOrStderr(), s)
			return render.Print(cmd.OutOrStdout(), format, rows, rows.table)
		},
	}
	keep.register(cmd)
	addFormat(cmd, &format)
	return cmd
}

// warnOfDamage says, for people, that a store has lost something.
func warnOfDamage(w io.Writer, s *store.Store) {
	broken := 0
	for _, d := range s.Damage() {
		if d.Kind == store.Broken {
			broken++
		}
	}
	if broken > 0 {
		fmt.Fprintf(w, "godwit: %d stretches of the store are damaged: godwit checkpoint verify\n", broken)
	}
}

// checkpointRow is a checkpoint as `godwit checkpoint ls` prints it.
type checkpointRow struct {
	Name        string    `json:"name"`
	Epoch       uint64    `json:"epoch"`
	Sequence    uint64    `json:"sequence"`
	CID         string    `json:"cid"`
	Time        time.Time `json:"time"`
	Module      string    `json:"module"`
	MemoryBytes uint64    `json:"memory_bytes"`
	AddedBytes  uint64    `json:"added_bytes"`
	Owner       string    `json:"owner"`
	Kept        bool      `json:"kept"`
	Reasons     []string  `json:"reasons"`
	// Damaged is why the manifest cannot be read.
	Damaged string `json:"damaged,omitempty"`

	short string
}

type checkpointRows []checkpointRow

// listCheckpoints describes the checkpoints of some names, nil for all.
func listCheckpoints(s *store.Store, names []string, p checkpoint.Policy) (checkpointRows, error) {
	if len(names) == 0 {
		names = s.Names()
	}
	short := shortIDs(allCheckpoints(s))
	rows := checkpointRows{}
	for _, name := range names {
		d, err := s.Plan(name, p, time.Now(), nil)
		if err != nil {
			return nil, usageError{err, "godwit checkpoint ls"}
		}
		refs := s.List(name)
		if len(refs) == 0 {
			return nil, hintedError{fmt.Errorf("no checkpoints of %q", name), "godwit checkpoint ls lists all"}
		}
		added := s.Added(refs)
		for i, ref := range slices.Backward(refs) {
			row := newRow(s, ref)
			row.AddedBytes, row.short = added[i], short(ref)
			row.Kept, row.Reasons = verdict(d, ref)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func newRow(s *store.Store, ref checkpoint.Ref) checkpointRow {
	row := checkpointRow{Name: ref.Name, Epoch: ref.Epoch, Sequence: ref.Sequence, CID: ref.ID.String(), Time: ref.Time}
	signed, err := s.Load(ref.ID)
	if err != nil {
		row.Damaged = err.Error()
		return row
	}
	row.Module, row.Owner, row.MemoryBytes = signed.Module.String(), peerID(signed.Owner), signed.Memory.Size
	return row
}

// verdict is what a decision says of one checkpoint.
func verdict(d checkpoint.Decision, ref checkpoint.Ref) (kept bool, reasons []string) {
	same := func(o checkpoint.Decided) bool { return o.ID == ref.ID }
	if i := slices.IndexFunc(d.Keep, same); i >= 0 {
		return true, d.Keep[i].Reasons
	}
	if i := slices.IndexFunc(d.Remove, same); i >= 0 {
		return false, d.Remove[i].Reasons
	}
	return false, []string{}
}

// table prints one line a checkpoint.
func (rows checkpointRows) table(w io.Writer) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "no checkpoints")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tORDER\tCID\tTIME\tMODULE\tMEMORY\tADDS\tOWNER\tKEPT")
	for _, r := range rows {
		kept := "no: " + strings.Join(r.Reasons, ", ")
		if r.Kept {
			kept = strings.Join(r.Reasons, ", ")
		}
		if r.Damaged != "" {
			kept = "damaged: " + r.Damaged
		}
		fmt.Fprintf(t, "%s\t%d.%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", render.Printable(r.Name), r.Epoch, r.Sequence, r.short,
			r.Time.Format(time.DateTime), tail(r.Module), units.Size(r.MemoryBytes), units.Size(r.AddedBytes).Approx(), tail(r.Owner), render.Printable(kept))
	}
	return t.Flush()
}

// tail is the end of a long identifier, where they differ most.
func tail(id string) string {
	const letters = 8
	if len(id) <= letters {
		return id
	}
	return "…" + id[len(id)-letters:]
}
