package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/checkpoint"
	"github.com/godwit-run/godwit/internal/units"
)

// keepFlags are the flags of a retention policy.
type keepFlags struct {
	last   int
	within time.Duration
	every  periodsValue
	bytes  units.Size
}

func (f *keepFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.IntVar(&f.last, "keep-last", 0, "keep the `N` newest of each name")
	fs.DurationVar(&f.within, "keep-within", 0, "keep those no older than a `TIME` such as 10m")
	fs.Var(&f.every, "keep-every", "keep the newest of each of the last N periods, `TIME=N` such as 1h=24 (repeatable)")
	fs.Var(&f.bytes, "keep-bytes", "keep no more than `SIZE` of each name")
	fs.Lookup("keep-bytes").DefValue = "" // else the help says 0 as well
}

// policy is what the flags say, the default if none is given.
func (f *keepFlags) policy() checkpoint.Policy {
	if f.last == 0 && f.within == 0 && len(f.every) == 0 && f.bytes == 0 {
		return checkpoint.DefaultPolicy()
	}
	return checkpoint.Policy{Last: f.last, Within: f.within, Every: f.every, MaxBytes: uint64(f.bytes)}
}

// periodsValue collects periods as TIME=N. It is a flag value (pflag.Value).
type periodsValue []checkpoint.Period

func (v *periodsValue) Type() string   { return "period" }
func (v *periodsValue) String() string { return "" }
func (v *periodsValue) Set(s string) error {
	length, count, _ := strings.Cut(s, "=")
	d, err := time.ParseDuration(length)
	n, errN := strconv.Atoi(count)
	if err != nil || errN != nil || d <= 0 || n <= 0 {
		return errors.New("want a time and a number such as 1h=24")
	}
	*v = append(*v, checkpoint.Period{Length: d, Count: n})
	return nil
}
