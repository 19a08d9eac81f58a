package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/godwit-run/godwit/runtime"
)

// finish notes how a run has ended, and delivers what is left of its output. One that was only
// stopped has not ended: what is delivered of it is what a checkpoint has.
func (r *recorder) finish(rep report) error {
	if unfinished(rep.Status) {
		r.leave()
		return r.release.err
	}
	final, err := json.Marshal(runEnd{rep, r.release.keep(r.release.written())})
	if err == nil {
		err = r.file.Finish(final)
	}
	if err != nil {
		return err
	}
	r.release.finish()
	r.workers.Wait()
	return r.release.err
}

// unfinished tells whether a run that is kept can go on.
func unfinished(s runtime.Status) bool {
	return s == runtime.StatusCancelled || s == runtime.StatusSuspended
}

// runEnd is what a run file says of the end.
type runEnd struct {
	report
	Undelivered []byte `json:"undelivered"`
}

// end reads how the run ended.
func (r *recorder) end() (e runEnd, err error) {
	if err := json.Unmarshal(r.file.End(), &e); err != nil {
		return e, fmt.Errorf("%s: how it ended cannot be read: %w", r.path, err)
	}
	return e, nil
}

// retell delivers what the world lacks of a run that has ended, and says how it did.
func (r *recorder) retell(f runFlags, stdout, stderr *stream) error {
	end, err := r.end()
	if err != nil {
		return err
	}
	if err := r.deliverRest(end.Undelivered, stdout, stderr); err != nil {
		return err
	}
	if r.spec.Report != "" {
		if err := end.report.write(r.spec.Report); err != nil {
			return err
		}
	}
	result := end.result()
	ended := error(nil)
	if result.Status != runtime.StatusSucceeded {
		ended = endedError{result}
	}
	var words strings.Builder
	say(&words, ended)
	if !f.quiet {
		fmt.Fprintf(&words, "godwit: the run in %s has ended: %s\n", r.path, summary(result))
	}
	finishLine(stdout, stderr)
	io.WriteString(os.Stderr, words.String())
	if ended != nil {
		return saidError{ended}
	}
	return nil
}

// deliverRest delivers what is left of the output.
func (r *recorder) deliverRest(kept []byte, stdout, stderr *stream) error {
	r.release = newRelease(stdout, stderr, r.file.Delivered)
	total, ok := extent(kept)
	if !ok {
		return fmt.Errorf("%s: %w", r.path, errHeldOutput)
	}
	if err := r.release.restore(kept, total, r.file.DeliveredBytes()); err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	r.workers.Go(r.release.run)
	r.release.finish()
	r.workers.Wait()
	return r.release.err
}

// extent is how much had been written when release.keep returned this.
func extent(kept []byte) (total uint64, ok bool) {
	total, n := binary.Uvarint(kept)
	for ok = n > 0; ok && len(kept) > n; {
		kept = kept[n:]
		length, m := binary.Uvarint(kept[1:])
		if ok = m > 0 && length <= uint64(len(kept)-1-m); ok {
			total, n = total+length, 1+m+int(length)
		}
	}
	return total, ok
}

// result is what the report says of the run.
func (e *runEnd) result() *runtime.Result {
	return &runtime.Result{
		Status: e.Status, Reason: e.Reason, ExitCode: uint32(e.ExitCode), Message: strings.TrimPrefix(e.Message, "trap: "),
		FuelUsed: e.FuelUsed, FuelLimit: e.FuelLimit, MemoryPeakBytes: e.MemoryPeakBytes, Wall: time.Duration(e.WallNS),
	}
}
