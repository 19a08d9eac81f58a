package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/hostabi"
	"github.com/godwit-run/godwit/hostabi/actor"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
	"github.com/godwit-run/godwit/runtime"
)

func newModule() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "module",
		Short: "Look at WebAssembly modules",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newModuleInspect())
	return cmd
}

func newModuleInspect() *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use:   "inspect MODULE",
		Short: "Show what a module needs and offers, and whether it can run here",
		Long: `Shows a module's imports and exports with their signatures, its memory and
tables, the WebAssembly proposals it uses, the size of its code, its CID (the
one that "ipfs add --cid-version=1" prints), and whether it can run here, as a
program or an actor, and if not, why. The module is not run. MODULE "-" is standard input.`,
		Example: `  godwit module inspect program.wasm
  godwit module inspect -o json program.wasm | jq .exports`,
		Args:              exactlyModule,
		ValidArgsFunction: completeModule,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := inspect(args[0])
			if err != nil {
				return err
			}
			return render.Print(cmd.OutOrStdout(), format, m, m.table)
		},
	}
	addFormat(cmd, &format)
	return cmd
}

// inspect describes the module in a file.
func inspect(name string) (moduleView, error) {
	binary, err := readModule(name)
	if err != nil {
		return moduleView{}, err
	}
	engine, err := runtime.New(runtime.Config{HostModules: []hostabi.Module{actor.Module()}})
	if err != nil {
		return moduleView{}, err
	}
	defer engine.Close()
	info, err := engine.Inspect(binary)
	if err != nil {
		return moduleView{}, explain(name, err)
	}
	return viewModule(info), nil
}

// moduleView is what `godwit module inspect` prints.
type moduleView struct {
	CID       string       `json:"cid"`
	Bytes     int          `json:"bytes"`
	CodeBytes int          `json:"code_bytes"`
	Functions int          `json:"functions"`
	Runnable  bool         `json:"runnable"`
	Problems  []string     `json:"problems"`
	Suspends  bool         `json:"suspendable"`
	Why       string       `json:"unsuspendable,omitempty"`
	Features  []string     `json:"features"`
	Memory    *memoryView  `json:"memory"`
	Tables    []tableView  `json:"tables"`
	Imports   []importView `json:"imports"`
	Exports   []exportView `json:"exports"`
}

type memoryView struct {
	MinBytes uint64 `json:"min_bytes"`
	MaxBytes uint64 `json:"max_bytes"`
	Shared   bool   `json:"shared"`
	Imported bool   `json:"imported"`
}

type tableView struct {
	Type     string `json:"type"`
	Min      uint64 `json:"min"`
	Max      *int64 `json:"max"` // null is none
	Imported bool   `json:"imported"`
}

type importView struct {
	Module    string `json:"module"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Signature string `json:"signature,omitempty"`
	Provided  bool   `json:"provided"`
}

type exportView struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Signature string `json:"signature,omitempty"`
}

func viewModule(info *runtime.Info) moduleView {
	v := moduleView{
		CID: info.CID.String(), Bytes: info.Bytes, CodeBytes: info.CodeBytes, Functions: info.Functions,
		Runnable: len(info.Problems) == 0,
		Problems: append([]string{}, info.Problems...),
		Suspends: len(info.Problems) == 0 && info.Unsuspendable == "", Why: info.Unsuspendable,
		Features: append([]string{}, info.Features...),
		Tables:   []tableView{}, Imports: []importView{}, Exports: []exportView{},
	}
	if m := info.Memory; m != nil {
		v.Memory = &memoryView{m.MinBytes, m.MaxBytes, m.Shared, m.Imported}
	}
	for _, t := range info.Tables {
		v.Tables = append(v.Tables, viewTable(t))
	}
	for _, i := range info.Imports {
		v.Imports = append(v.Imports, importView{i.Module, i.Name, i.Kind, i.Signature, i.Provided})
	}
	for _, e := range info.Exports {
		v.Exports = append(v.Exports, exportView{e.Name, e.Kind, e.Signature})
	}
	return v
}

func viewTable(t runtime.TableInfo) tableView {
	v := tableView{Type: t.Type.String(), Min: t.Min, Imported: t.Imported}
	if t.Max >= 0 {
		v.Max = &t.Max
	}
	return v
}

// table prints the module for people: facts, then imports and exports.
func (v moduleView) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
		fmt.Fprintf(t, "%s\t%s\n", name, render.Printable(text))
	}
	row("cid", "%s", v.CID)
	row("size", "%s bytes, %s of them code in %s functions",
		units.Count(uint64(v.Bytes)), units.Count(uint64(v.CodeBytes)), units.Count(uint64(v.Functions)))
	row("memory", "%s", v.Memory)
	for _, table := range v.Tables {
		row("table", "%s", table)
	}
	row("features", "%s", orNone(strings.Join(v.Features, ", ")))
	row("runs here", "%s", yesNo(v.Runnable))
	for _, p := range v.Problems {
		row("", "%s", p)
	}
	if v.Runnable {
		row("stops anywhere", "%s", yesNo(v.Suspends))
	}
	if v.Why != "" {
		row("", "%s", v.Why)
	}
	row("imports", "%d", len(v.Imports))
	for _, i := range v.Imports {
		row("  "+i.Kind, "%s", i)
	}
	row("exports", "%d", len(v.Exports))
	for _, e := range v.Exports {
		row("  "+e.Kind, "%s %s", e.Name, e.Signature)
	}
	return t.Flush()
}

func (m *memoryView) String() string {
	if m == nil {
		return "none"
	}
	return fmt.Sprintf("%v to %v%s%s", units.Size(m.MinBytes), units.Size(m.MaxBytes),
		note(m.Shared, "shared"), note(m.Imported, "imported"))
}

func (t tableView) String() string {
	max := "any number of"
	if t.Max != nil {
		max = fmt.Sprint(*t.Max)
	}
	return fmt.Sprintf("%d to %s elements of type %s%s", t.Min, max, t.Type, note(t.Imported, "imported"))
}

func (i importView) String() string {
	return fmt.Sprintf("%s.%s %s%s", i.Module, i.Name, i.Signature, note(!i.Provided, "nobody has it"))
}

func note(applies bool, text string) string {
	if applies {
		return " (" + text + ")"
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
