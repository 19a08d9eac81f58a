package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func (s *Set) taskCheckpoints() {
	s.checkpoints = s.counter("task_checkpoints_total", "Checkpoints made here of tasks.")
	s.checkpointBytes = s.counter("task_checkpoint_bytes_total", "Bytes of these.")
	s.resumed = s.counter("task_resumes_total", "Attempts of tasks accepted here that went on from a checkpoint.")
	s.checkpointLag = s.histogram("task_checkpoint_lag_seconds", "From the state that a checkpoint has until another node had it.",
		prometheus.ExponentialBucketsRange(1e-5, 10, 19))
}

// TaskCheckpointed counts a checkpoint of so many bytes of a task that runs here: lag passed
// from the state that it has until it counted.
func (s *Set) TaskCheckpointed(bytes int64, lag time.Duration) {
	s.checkpoints.Inc()
	s.checkpointBytes.Add(float64(max(bytes, 0)))
	s.checkpointLag.Observe(lag.Seconds())
}

// TaskResumed counts an attempt that went on from a checkpoint.
func (s *Set) TaskResumed() { s.resumed.Inc() }
