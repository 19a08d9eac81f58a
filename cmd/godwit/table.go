package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/godwit-run/godwit/internal/render"
)

// grid is a table for people: a row of names and rows of cells, or facts with a
// name each.
type grid struct {
	rows [][]string
}

func newGrid(names ...string) *grid { return &grid{rows: [][]string{names}} }

// row adds cells; whatever they hold, a terminal shows it on one line.
func (g *grid) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = render.Printable(fmt.Sprint(c))
	}
	g.rows = append(g.rows, texts)
}

// fact adds a name and a value, unless the value is empty.
func (g *grid) fact(name, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" && i == 0 {
			return
		}
		g.row(name, line)
		name = ""
	}
}

// write implements the table of render.Print.
func (g *grid) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range g.rows {
		if len(r) > 0 {
			fmt.Fprintln(t, strings.TrimRight(strings.Join(r, "\t"), "\t "))
		}
	}
	return t.Flush()
}

// short is the beginning of a peer id that people can still tell apart, and that
// commands take for the whole.
func short(id string) string {
	const enough = 16 // all begin with 12D3KooW
	return id[:min(len(id), enough)]
}

// dash stands for nothing in a table.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ago is how long ago a moment was, to one unit.
func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := max(time.Since(t), 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
