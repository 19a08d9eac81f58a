package godwit

import (
	"context"
	"time"

	"github.com/godwit-run/godwit/internal/metrics"
	"github.com/godwit-run/godwit/scheduler"
)

// measureTimeout bounds what a scrape waits for the loop.
const measureTimeout = time.Second

// measure is what metrics ask for when they are scraped.
func (n *Node) measure() metrics.Now {
	ctx, cancel := context.WithTimeout(context.Background(), measureTimeout)
	defer cancel()
	var now metrics.Now
	err := n.ask(ctx, func() {
		stats := n.loop.submitter.Stats()
		now = metrics.Now{Queued: stats.Queued + stats.Placing, Running: n.loop.executor.Runs()}
		for _, node := range n.loop.submitter.Nodes() {
			switch {
			case node.Out != "":
			case node.Tasks > 0:
				now.WorkersBusy++
				fallthrough
			default:
				now.WorkersAvailable++
			}
		}
	})
	if err != nil {
		n.log.Debug("measure", "err", err)
	}
	return now
}

// count counts what a change of a task says.
func (n *Node) count(t *scheduler.Task) {
	switch {
	case t.State.Ended():
		n.metrics.TaskEnded(string(t.State), string(t.Reason), t.Ended.Sub(t.Created))
	case t.State == scheduler.Queued && len(t.Attempts) == 0:
		n.metrics.TaskSubmitted()
	case t.State == scheduler.Placing && len(t.Attempts) > 1:
		n.metrics.TaskRetried()
	}
}
