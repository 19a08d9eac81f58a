package metrics

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Now is what is measured when it is asked for.
type Now struct {
	Queued, Running               int // tasks
	WorkersAvailable, WorkersBusy int // nodes
	ActorsRunning, ActorsIdle     int // actors that live here
	ActorReplicas                 int // actors kept here, wherever they live
	GPUs, GPUsBusy                int // devices here, and those that a task has
}

// Set is the metrics of one node. Its methods are safe for concurrent use.
type Set struct {
	registry *prometheus.Registry

	submitted, completed, cancelled, retries prometheus.Counter
	checkpoints, checkpointBytes, resumed    prometheus.Counter
	checkpointLag                            prometheus.Histogram
	failed                                   *prometheus.CounterVec
	latency, selection, score                prometheus.Histogram
	offers, wins, losses                     prometheus.Counter
	actors                                   actorSeries
	peers                                    peerSeries
	gpus                                     gpuSeries

	ended, succeeded atomic.Uint64
}

// reasons are those for which tasks fail (DESIGN §4.2). Each has a series from
// the start, so that a rate over the first failure is not lost.
var reasons = [...]string{"exit", "trap", "out_of_fuel", "timeout", "out_of_memory", "not_placed", "node_lost", "refused"}

// New makes a set. now is called at each scrape and must not block for long.
func New(now func() Now) *Set {
	s := &Set{registry: prometheus.NewRegistry()}
	s.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	s.tasks()
	s.placement()
	s.actorMetrics()
	s.peerMetrics()
	s.gpuMetrics()
	s.registry.MustRegister(newGauges(now), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "godwit_task_success_rate", Help: "Share of the tasks accepted here that succeeded, of those that ended; 1 if none.",
	}, s.successRate))
	return s
}

func (s *Set) tasks() {
	s.submitted = s.counter("tasks_submitted_total", "Tasks accepted here.")
	s.completed = s.counter("tasks_completed_total", "Tasks accepted here that succeeded.")
	s.cancelled = s.counter("tasks_cancelled_total", "Tasks accepted here that were cancelled.")
	s.retries = s.counter("task_retries_total", "Attempts after the first.")
	s.taskCheckpoints()
	s.failed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "godwit_tasks_failed_total", Help: "Tasks accepted here that failed, by reason.",
	}, []string{"reason"})
	s.registry.MustRegister(s.failed)
	for _, r := range reasons {
		s.failed.WithLabelValues(r)
	}
	s.latency = s.histogram("task_latency_seconds", "Time from a task's acceptance to its end.",
		prometheus.ExponentialBucketsRange(0.001, 1000, 19))
}

func (s *Set) placement() {
	s.selection = s.histogram("worker_selection_duration_seconds", "Time to choose a node for a task.",
		prometheus.ExponentialBucketsRange(1e-6, 1, 19))
	s.score = s.histogram("placement_score", "Score of the nodes chosen.", prometheus.LinearBuckets(0, 0.1, 11))
	s.offers = s.counter("placement_offers_sent_total", "Offers that other nodes got from here.")
	s.wins = s.counter("placement_wins_total", "Offers that were taken up.")
	s.losses = s.counter("placement_losses_total", "Offers that were not taken up.")
}

func (s *Set) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "godwit_" + name, Help: help})
	s.registry.MustRegister(c)
	return c
}

func (s *Set) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "godwit_" + name, Help: help, Buckets: buckets})
	s.registry.MustRegister(h)
	return h
}

// Handler answers scrapes.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry, MaxRequestsInFlight: 4})
}

// Registry is where others may register metrics of their own.
func (s *Set) Registry() prometheus.Registerer { return s.registry }

// TaskSubmitted counts a task that was accepted here.
func (s *Set) TaskSubmitted() { s.submitted.Inc() }

// TaskRetried counts an attempt after the first.
func (s *Set) TaskRetried() { s.retries.Inc() }

// TaskEnded counts the end of a task that was accepted here: "succeeded",
// "failed" with a reason of DESIGN §4.2, or "cancelled". latency is the time
// since it was accepted.
func (s *Set) TaskEnded(status, reason string, latency time.Duration) {
	s.latency.Observe(latency.Seconds())
	switch status {
	case "succeeded":
		s.completed.Inc()
		s.succeeded.Add(1)
		s.ended.Add(1)
	case "failed":
		s.failed.WithLabelValues(known(reason)).Inc()
		s.ended.Add(1)
	case "cancelled":
		s.cancelled.Inc()
	}
}

// known keeps the values of a label few.
func known(reason string) string {
	for _, r := range reasons {
		if r == reason {
			return r
		}
	}
	return "other"
}

func (s *Set) successRate() float64 {
	ended := s.ended.Load()
	if ended == 0 {
		return 1
	}
	return float64(s.succeeded.Load()) / float64(ended)
}

// Selected counts a choice of a node: how long it took, and the score of the
// node chosen.
func (s *Set) Selected(took time.Duration, score float64) {
	s.selection.Observe(took.Seconds())
	s.score.Observe(score)
}

// OfferSent counts an offer (or reservation) that another node got from here;
// OfferWon and OfferLost what became of it.
func (s *Set) OfferSent() { s.offers.Inc() }

// OfferWon counts an offer that was taken up.
func (s *Set) OfferWon() { s.wins.Inc() }

// OfferLost counts an offer that was not.
func (s *Set) OfferLost() { s.losses.Inc() }

// gauges reads a Now once for each scrape.
type gauges struct {
	now   func() Now
	descs [9]*prometheus.Desc
}

func newGauges(now func() Now) *gauges {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc("godwit_"+name, help, nil, nil) }
	return &gauges{now: now, descs: [9]*prometheus.Desc{
		desc("tasks_queued", "Tasks accepted here that run nowhere yet."),
		desc("tasks_running", "Tasks that run here."),
		desc("workers_available", "Nodes that take work, this one included."),
		desc("workers_busy", "Nodes that run something, this one included."),
		desc("actors_running", "Actors that live here and are in memory."),
		desc("actors_idle", "Actors that live here and wait for a message."),
		desc("actor_replicas", "Actors that this node keeps, wherever they live."),
		desc("gpus", "Devices that tasks may have here."),
		desc("gpus_busy", "Devices that a task has."),
	}}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range g.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	n := g.now()
	for i, v := range []int{
		n.Queued, n.Running, n.WorkersAvailable, n.WorkersBusy, n.ActorsRunning, n.ActorsIdle, n.ActorReplicas,
		n.GPUs, n.GPUsBusy,
	} {
		out <- prometheus.MustNewConstMetric(g.descs[i], prometheus.GaugeValue, float64(v))
	}
}
