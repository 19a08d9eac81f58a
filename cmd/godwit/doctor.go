package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/render"
)

func newDoctor() *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do, and whether Godwit can run here",
		Long: `Tries what Godwit needs of this machine and says, a line each, what was found,
what does not work and why. Only lines marked "NO" keep Godwit from running; those
marked "no" make it slower or less able.

Exit codes: 0 Godwit can run here, 1 it cannot.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := examine(doctorSections())
			if err := render.Print(cmd.OutOrStdout(), format, r, r.table); err != nil {
				return err
			}
			if !r.OK {
				return errUnfit
			}
			return nil
		},
	}
	addFormat(cmd, &format)
	return cmd
}

// doctorSection is a group of checks about one thing. Each has a file of its
// own.
type doctorSection struct {
	name   string
	checks func() []check
}

// doctorSections are all there are, in the order in which they are shown.
func doctorSections() []doctorSection {
	return []doctorSection{
		{"machine", machineChecks},
		{"engine", engineChecks},
		{"memory", memoryChecks},
		{"tracking", trackingChecks},
		{"folders", folderChecks},
		{"gpu", gpuChecks},
		{"nvidia", nvidiaChecks},
	}
}

// check is one thing that was tried.
type check struct {
	Section string `json:"section"`
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	// Required ones keep Godwit from running if they fail.
	Required bool `json:"required"`
	// Detail is what was found, or why it does not work.
	Detail string `json:"detail"`
}

// found is a check that only tells.
func found(name, format string, args ...any) check {
	return check{Name: name, OK: true, Detail: fmt.Sprintf(format, args...)}
}

// tried is a check that is as good as err, and otherwise tells detail.
func tried(name string, err error, format string, args ...any) check {
	if err != nil {
		return check{Name: name, Detail: err.Error()}
	}
	return found(name, format, args...)
}

func (c check) required() check {
	c.Required = true
	return c
}

// doctorReport is what `godwit doctor` prints.
type doctorReport struct {
	// OK tells whether Godwit can run here.
	OK     bool    `json:"ok"`
	Checks []check `json:"checks"`
}

// examine makes all checks.
func examine(sections []doctorSection) doctorReport {
	r := doctorReport{OK: true, Checks: []check{}}
	for _, s := range sections {
		for _, c := range s.checks() {
			c.Section = s.name
			r.OK = r.OK && (c.OK || !c.Required)
			r.Checks = append(r.Checks, c)
		}
	}
	return r
}

// table prints one line a check, by section.
func (r doctorReport) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.mark(), c.Section, c.Name, render.Printable(c.Detail))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if !r.OK {
		return nil // the error says so
	}
	_, err := fmt.Fprintln(w, "godwit can run here")
	return err
}

func (c check) mark() string {
	switch {
	case c.OK:
		return "ok"
	case c.Required:
		return "NO"
	}
	return "no"
}
