package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// EventFilter chooses events.
type EventFilter struct {
	After uint64 // number of the event to begin after; FromNow is now
	Type  string // "" is any
	Task  string // id of a task; "" is any
	Actor string // name or id of an actor; "" is any
}

// Events streams state changes until ctx is done.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	q := url.Values{}
	if f.After != FromNow {
		q.Set("after", strconv.FormatUint(f.After, 10))
	}
	if f.Type != "" {
		q.Set("type", f.Type)
	}
	if f.Task != "" {
		q.Set("task", f.Task)
	}
	if f.Actor != "" {
		q.Set("actor", f.Actor)
	}
	return func(yield func(Event, error) bool) {
		resp, err := c.send(ctx, call{method: http.MethodGet, path: at("events"), query: q})
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer resp.Body.Close() // read only
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, maxAnswer)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var e Event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				yield(e, fmt.Errorf("event: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		yield(Event{}, streamError(ctx, lines.Err()))
	}
}
