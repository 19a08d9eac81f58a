package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
)

// follow sees a task to its end, keeps its results and says how it went. The error
// is how it ended, unless it succeeded.
func (s *session) follow(f guestFlags, format render.Format, task api.Task) error {
	keepBrokenPipe()
	ctx, stop := context.WithCancelCause(s.ctx)
	defer stop(nil)
	stdout, stderr := &stream{File: os.Stdout, stop: stop}, &stream{File: os.Stderr, stop: stop}
	task, err := s.watch(ctx, format, task, stdout, stderr)
	if err != nil {
		finishLine(stdout, stderr)
		return left(task.ID, err)
	}
	err = s.keep(f, task, taskEnding(task))
	var words strings.Builder
	say(&words, err)
	if !f.quiet {
		fmt.Fprintln(&words, "godwit:", taskSummary(task))
	}
	if words.Len() > 0 {
		finishLine(stdout, stderr)
		fmt.Fprint(os.Stderr, words.String())
	}
	if err == nil {
		return nil
	}
	return saidError{err}
}

// watch prints a task's output as it comes and at last its values, or in another
// format than a table the task itself in their place.
func (s *session) watch(ctx context.Context, format render.Format, task api.Task, stdout, stderr *stream) (api.Task, error) {
	if format != render.Table {
		ended, err := s.await(ctx, task.ID)
		if err != nil {
			return task, err
		}
		return ended, render.Print(stdout, format, ended, nil)
	}
	task, err := s.stream(ctx, task, stdout, stderr)
	if err == nil && task.Result != nil {
		for _, v := range task.Result.Values {
			fmt.Fprintln(stdout, v)
		}
	}
	return task, err
}

// left says of a task that we no longer wait for that it goes on.
func left(id string, err error) error {
	var interrupted interruptedError
	if errors.As(err, &interrupted) || errors.Is(err, errStdoutClosed) {
		return hintedError{stoppedError{err}, fmt.Sprintf("task %s goes on: godwit task wait %[1]s, or godwit task cancel %[1]s", id)}
	}
	return hintedError{fmt.Errorf("task %s: %w", id, err), fmt.Sprintf("the task may still go on: godwit task wait %s", id)}
}

// stream prints a task's output until it has ended, and returns it as it then is.
func (s *session) stream(ctx context.Context, task api.Task, stdout, stderr *stream) (ended api.Task, err error) {
	p := printer{stdout: stdout, stderr: stderr, attempt: 1}
	err = patiently(ctx, func() (bool, error) {
		from := p.next
		ended, err = s.streamOnce(ctx, task.ID, &p)
		return p.next > from, err
	})
	if err != nil {
		return task, err
	}
	return ended, nil
}

// await waits for a task to end.
func (s *session) await(ctx context.Context, id string) (task api.Task, err error) {
	err = patiently(ctx, func() (bool, error) {
		task, err = s.Wait(ctx, id)
		return false, err
	})
	return task, err
}

// patiently repeats what fails because the node cannot be reached, as while it is
// started anew, for half a minute after it last got any further.
func patiently(ctx context.Context, try func() (further bool, err error)) error {
	const patience = 30 * time.Second
	for deadline := time.Now().Add(patience); ; {
		further, err := try()
		if further {
			deadline = time.Now().Add(patience)
		}
		if !lost(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lost tells errors of the way to the node from what it says.
func lost(err error) bool {
	return errors.Is(err, api.ErrInterrupted) || errors.Is(err, api.ErrUnavailable)
}

func (s *session) streamOnce(ctx context.Context, id string, p *printer) (api.Task, error) {
	for line, err := range s.Logs(ctx, id, api.LogOptions{Follow: true, From: p.next}) {
		switch {
		case ctx.Err() != nil:
			return api.Task{}, context.Cause(ctx)
		case err != nil:
			return api.Task{}, err
		case line.End != nil:
			return *line.End, nil
		case line.LogChunk != nil:
			p.print(line.LogChunk)
		}
	}
	return api.Task{}, api.ErrInterrupted // it ends with the task
}

// printer writes a task's output where it belongs.
type printer struct {
	stdout, stderr *stream
	next           uint64 // number of the next piece
	attempt        int
}

// print writes a piece. A failed write stops the command by itself.
func (p *printer) print(c *api.LogChunk) {
	if c.Attempt > p.attempt {
		finishLine(p.stdout, p.stderr)
		fmt.Fprintf(p.stderr, "godwit: attempt %d begins again\n", c.Attempt)
		p.attempt = c.Attempt
	}
	p.next = c.Seq + 1
	if c.Stream == "stderr" {
		p.stderr.Write(c.Data)
		return
	}
	p.stdout.Write(c.Data)
}

// keep saves a task's outputs and report. ended is how it went, and is returned
// with what has failed since.
func (s *session) keep(f guestFlags, t api.Task, ended error) error {
	err := ended
	if f.output != "" && t.Result != nil && t.Result.OutputCID != "" {
		err = errors.Join(err, s.keepOutputs(f.output, t.Result.OutputCID))
	}
	if f.report == "" {
		return err
	}
	return errors.Join(err, taskReport(t, err).write(f.report))
}

func (s *session) keepOutputs(dir, id string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := s.extract(id, dir); err != nil {
		return fmt.Errorf("--output %s: %w", dir, err)
	}
	return nil
}

// logs prints what a task has written.
func (s *session) logs(id string, follow bool) error {
	if follow {
		task, err := s.Task(s.ctx, id)
		if err != nil {
			return err
		}
		return s.followLogs(task)
	}
	keepBrokenPipe()
	ctx, stop := context.WithCancelCause(s.ctx)
	defer stop(nil)
	p := printer{stdout: &stream{File: os.Stdout, stop: stop}, stderr: &stream{File: os.Stderr, stop: stop}, attempt: 1}
	for line, err := range s.Logs(ctx, id, api.LogOptions{}) {
		if err != nil {
			return err
		}
		if line.LogChunk != nil {
			p.print(line.LogChunk)
		}
	}
	return context.Cause(ctx)
}

// followLogs ends at the task's end, whatever that is: the command has done what
// it was asked for.
func (s *session) followLogs(task api.Task) error {
	err := s.follow(guestFlags{}, render.Table, task)
	var ended taskError
	if errors.As(err, &ended) {
		return nil
	}
	return err
}

// waitAll waits for tasks one after the other; the error is the first that did
// not succeed.
func (s *session) waitAll(ids []string) error {
	var first error
	for _, id := range ids {
		task, err := s.await(s.ctx, id)
		if err != nil {
			return left(id, err)
		}
		fmt.Fprintln(s.out, taskSummary(task))
		if first == nil {
			first = taskEnding(task)
		}
	}
	return first
}
