package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gpuSeries are the metrics of what runs on the devices of a node.
type gpuSeries struct{ runs, seconds, lost prometheus.Counter }

func (s *Set) gpuMetrics() {
	s.gpus = gpuSeries{
		runs:    s.counter("gpu_runs_total", "Attempts here that used a device."),
		seconds: s.counter("gpu_seconds_total", "How long devices worked for these."),
		lost:    s.counter("gpu_lost_total", "Attempts here that ended because a device, or its driver, went away."),
	}
}

// GPUUsed counts an attempt for which devices worked for so long.
func (s *Set) GPUUsed(worked time.Duration) {
	s.gpus.runs.Inc()
	s.gpus.seconds.Add(max(worked, 0).Seconds())
}

// GPULost counts an attempt that ended because a device went away.
func (s *Set) GPULost() { s.gpus.lost.Inc() }
