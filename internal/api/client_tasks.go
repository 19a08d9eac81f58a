package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// pollWait is how long one request waits for a task.
const pollWait = time.Minute

// Ready is an error unless the node can take tasks.
func (c *Client) Ready(ctx context.Context) error {
	return c.ask(ctx, call{method: http.MethodGet, path: "/readyz"}, nil, nil)
}

// Submit submits a task. With an idempotency key it may be repeated.
func (c *Client) Submit(ctx context.Context, s Submission) (task Task, created bool, err error) {
	k := call{method: http.MethodPost, path: at("tasks")}
	if s.IdempotencyKey != "" {
		k.header = withHeader(nil, "Idempotency-Key", s.IdempotencyKey)
	}
	status, err := c.askStatus(ctx, k, s.Request, &task)
	return task, status == http.StatusCreated, err
}

// Run submits a task and returns it when it has ended: one round trip.
func (c *Client) Run(ctx context.Context, s Submission) (task Task, err error) {
	k := call{method: http.MethodPost, path: at("tasks"), query: waitQuery()}
	if s.IdempotencyKey != "" {
		k.header = withHeader(nil, "Idempotency-Key", s.IdempotencyKey)
	}
	if err := c.ask(ctx, k, s.Request, &task); err != nil || Ended(task.Status) {
		return task, err
	}
	return c.Wait(ctx, task.ID)
}

// Plan tells where a task would run.
func (c *Client) Plan(ctx context.Context, r TaskRequest) (plan Plan, err error) {
	return plan, c.ask(ctx, call{method: http.MethodPost, path: at("tasks", "plan")}, r, &plan)
}

// Task describes a task.
func (c *Client) Task(ctx context.Context, id string) (task Task, err error) {
	return task, c.ask(ctx, call{method: http.MethodGet, path: at("tasks", id)}, nil, &task)
}

// Tasks lists a page of tasks.
func (c *Client) Tasks(ctx context.Context, f TaskFilter) ([]Task, string, error) {
	q := url.Values{}
	for name, value := range map[string]string{"status": f.Status, "cursor": f.Cursor, "prefix": f.Prefix} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	var list TaskList
	err := c.ask(ctx, call{method: http.MethodGet, path: at("tasks"), query: q}, nil, &list)
	return list.Tasks, list.Next, err
}

// Wait returns a task when it has ended.
func (c *Client) Wait(ctx context.Context, id string) (task Task, err error) {
	for {
		k := call{method: http.MethodGet, path: at("tasks", id), query: waitQuery()}
		if err := c.ask(ctx, k, nil, &task); err != nil || Ended(task.Status) {
			return task, err
		}
	}
}

func waitQuery() url.Values { return url.Values{"wait": {pollWait.String()}} }

// Cancel asks for a task to end.
func (c *Client) Cancel(ctx context.Context, id string) (task Task, err error) {
	return task, c.ask(ctx, call{method: http.MethodDelete, path: at("tasks", id)}, nil, &task)
}

// Migrate has a running task go on elsewhere, and returns when it does.
func (c *Client) Migrate(ctx context.Context, id, to string) (task Task, err error) {
	return task, c.ask(ctx, call{method: http.MethodPost, path: at("tasks", id, "migrate")}, Migration{To: to}, &task)
}

// Explain tells why a task is where it is.
func (c *Client) Explain(ctx context.Context, id string) (plan Plan, err error) {
	return plan, c.ask(ctx, call{method: http.MethodGet, path: at("tasks", id, "explain")}, nil, &plan)
}

// Logs streams a task's output. When it was followed to its end, the last line
// has the task instead of a piece.
func (c *Client) Logs(ctx context.Context, id string, o LogOptions) iter.Seq2[LogLine, error] {
	k := call{method: http.MethodGet, path: at("tasks", id, "logs"), query: url.Values{
		"follow": {strconv.FormatBool(o.Follow)}, "from": {strconv.FormatUint(o.From, 10)},
	}, header: http.Header{"Accept": {ndjson}}}
	return func(yield func(LogLine, error) bool) {
		resp, err := c.send(ctx, k)
		if err != nil {
			yield(LogLine{}, err)
			return
		}
		defer resp.Body.Close() // read only
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, maxAnswer)
		for lines.Scan() {
			var line LogLine
			err := json.Unmarshal(lines.Bytes(), &line)
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrInterrupted, err) // the last line may be half of one
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(LogLine{}, streamError(ctx, err))
		}
	}
}

// streamError is an error while reading an answer that had begun.
func streamError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(ErrInterrupted, err)
}
