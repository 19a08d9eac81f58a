package godwit

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/godwit-run/godwit/internal/api"
)

// scrape returns the samples of a node's metrics by their names, with labels.
func scrape(t *testing.T, n *Node) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	n.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	samples := make(map[string]string)
	for line := range strings.Lines(w.Body.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			samples[name] = value
		}
	}
	return samples
}

// Every metric of a task moves where it ran and where it came from.
func TestMetrics(t *testing.T) {
	a := start(t, Config{NoRun: true})
	b := start(t, Config{Bootstrap: a.Addrs()})
	module := putBytes(t, a, noop)
	run(t, a, api.TaskRequest{Module: module})
	run(t, a, api.TaskRequest{Module: putBytes(t, a, []byte("no module"))})
	for _, c := range []struct {
		node       *Node
		name, want string
	}{
		{a, "godwit_tasks_submitted_total", "2"},
		{a, "godwit_tasks_completed_total", "1"},
		{a, `godwit_tasks_failed_total{reason="refused"}`, "1"},
		{a, "godwit_task_latency_seconds_count", "2"},
		{a, "godwit_worker_selection_duration_seconds_count", "2"},
		{a, "godwit_placement_score_count", "2"},
		{a, "godwit_workers_available", "1"},
		{b, "godwit_placement_offers_sent_total", "2"},
		{b, "godwit_placement_wins_total", "2"},
		{b, "godwit_placement_losses_total", "0"},
		{b, "godwit_tasks_submitted_total", "0"},
	} {
		if got := scrape(t, c.node)[c.name]; got != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
	}
}
