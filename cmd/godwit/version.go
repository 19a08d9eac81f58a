package main

import (
	"fmt"
	"io"
	goruntime "runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/render"
)

// versionInfo is what `godwit version` prints.
type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Engine  string `json:"engine"`
}

func newVersion() *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of godwit and of what it was built with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := readVersion()
			return render.Print(cmd.OutOrStdout(), format, v, v.table)
		},
	}
	addFormat(cmd, &format)
	return cmd
}

// readVersion finds in the binary what the Go command has noted there.
func readVersion() versionInfo {
	v := versionInfo{Version: "unknown", Go: goruntime.Version(), OS: goruntime.GOOS, Arch: goruntime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/tetratelabs/wazero" {
			v.Engine = fmt.Sprintf("wazero %s", dep.Version)
		}
	}
	return v
}

func (v versionInfo) table(w io.Writer) error {
	_, err := fmt.Fprintf(w, "godwit %s (%s, %s, %s/%s)\n", v.Version, v.Engine, v.Go, v.OS, v.Arch)
	return err
}
