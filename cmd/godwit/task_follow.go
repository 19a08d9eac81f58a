package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

// patience is how long a command that waits tries to reach its node again.
const patience = 30 * time.Second

// follow streams a task's output to its end, keeps its results and says how it
// went. The error is how it ended, unless it succeeded.
func (s *session) follow(f guestFlags, task api.Task) error {
	keepBrokenPipe()
	ctx, stop := context.WithCancelCause(s.ctx)
	defer stop(nil)
	stdout, stderr := &stream{File: os.Stdout, stop: stop}, &stream{File: os.Stderr, stop: stop}
	task, err := s.stream(ctx, task, stdout, stderr)
	if err != nil {
		finishLine(stdout, stderr)
		return left(task.ID, err)
	}
	if task.Result != nil {
		for _, v := range task.Result.Values {
			fmt.Fprintln(stdout, v)
		}
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

// left says of a task that we no longer wait for that it goes on.
func left(id string, err error) error {
	var interrupted interruptedError
	if errors.As(err, &interrupted) || errors.Is(err, errStdoutClosed) {
		return hintedError{stoppedError{err}, fmt.Sprintf("task %s goes on: godwit task wait %[1]s, or godwit task cancel %[1]s", id)}
	}
	return hintedError{fmt.Errorf("task %s: %w", id, err), fmt.Sprintf("the task may still go on: godwit task wait %s", id)}
}

// stream prints a task's output until it has ended, and returns it as it then
// is. A node that cannot be reached for a while, as when it is started anew, does
// not end it.
func (s *session) stream(ctx context.Context, task api.Task, stdout, stderr *stream) (api.Task, error) {
	p := printer{stdout: stdout, stderr: stderr, attempt: 1}
	for deadline := time.Now().Add(patience); ; {
		from := p.next
		ended, err := s.streamOnce(ctx, task.ID, &p)
		if err == nil {
			return ended, nil
		}
		if p.next > from {
			deadline = time.Now().Add(patience)
		}
		if !lost(err) || time.Now().After(deadline) {
			return task, err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return task, context.Cause(ctx)
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
	err := s.follow(guestFlags{}, task)
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
		task, err := s.await(id)
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

// await is Wait that a node started anew does not end.
func (s *session) await(id string) (api.Task, error) {
	for deadline := time.Now().Add(patience); ; {
		task, err := s.Wait(s.ctx, id)
		if err == nil || !lost(err) || time.Now().After(deadline) {
			return task, err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-s.ctx.Done():
			return task, context.Cause(s.ctx)
		}
	}
}
