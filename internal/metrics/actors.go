package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// actorSeries are the metrics of the actors of a node.
type actorSeries struct {
	checkpoints, checkpointBytes, failovers prometheus.Counter
	migrations                              *prometheus.CounterVec
	checkpointPause, checkpointLag          prometheus.Histogram
	migrationPause, failover, replayed      prometheus.Histogram
	activation, message                     prometheus.Histogram
}

// migrationReasons are those for which actors move. Each has a series from the start.
var migrationReasons = [...]string{"manual", "drain", "load", "locality", "failure"}

func (s *Set) actorMetrics() {
	a := &s.actors
	a.checkpoints = s.counter("actor_checkpoints_total", "Checkpoints of actors here that counted.")
	a.checkpointBytes = s.counter("actor_checkpoint_bytes_total", "Bytes of these.")
	a.failovers = s.counter("actor_failovers_total", "Actors that came up here because their node had failed.")
	short := prometheus.ExponentialBucketsRange(1e-5, 10, 19)
	a.checkpointPause = s.histogram("actor_checkpoint_pause_seconds", "How long an actor stood still for a checkpoint.", short)
	a.checkpointLag = s.histogram("actor_checkpoint_lag_seconds", "From the state that a checkpoint has until it counted.", short)
	a.migrationPause = s.histogram("actor_migration_pause_seconds", "How long an actor stood still to move.", short)
	a.failover = s.histogram("actor_failover_seconds", "From the suspicion that a node has failed until its actor was up here.", short)
	a.replayed = s.histogram("actor_replayed_entries", "Entries of the log that were replayed then.", prometheus.ExponentialBuckets(1, 4, 10))
	a.activation = s.histogram("actor_activation_seconds", "Time to bring up an actor.", short)
	a.message = s.histogram("actor_message_seconds", "From a message's arrival until it was committed.", short)
	a.migrations = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "godwit_actor_migrations_total", Help: "Actors that moved from here to another node, by reason.",
	}, []string{"reason"})
	s.registry.MustRegister(a.migrations)
	for _, r := range migrationReasons {
		a.migrations.WithLabelValues(r)
	}
}

// ActorCheckpointed counts a checkpoint of so many bytes: the actor stood still for
// pause, and lag passed from then until it counted.
func (s *Set) ActorCheckpointed(bytes int64, pause, lag time.Duration) {
	s.actors.checkpoints.Inc()
	s.actors.checkpointBytes.Add(float64(max(bytes, 0)))
	s.actors.checkpointPause.Observe(pause.Seconds())
	s.actors.checkpointLag.Observe(lag.Seconds())
}

// ActorMigrated counts an actor that moved away.
func (s *Set) ActorMigrated(reason string, pause time.Duration) {
	if !slices.Contains(migrationReasons[:], reason) {
		reason = "other" // keeps the values of a label few
	}
	s.actors.migrations.WithLabelValues(reason).Inc()
	s.actors.migrationPause.Observe(pause.Seconds())
}

// ActorFailedOver counts an actor that came up here because its node had failed.
func (s *Set) ActorFailedOver(took time.Duration, replayed int) {
	s.actors.failovers.Inc()
	s.actors.failover.Observe(took.Seconds())
	s.actors.replayed.Observe(float64(replayed))
}

// ActorActivated counts an actor that came up here, for whatever reason.
func (s *Set) ActorActivated(took time.Duration) { s.actors.activation.Observe(took.Seconds()) }

// ActorMessage counts a message that was committed.
func (s *Set) ActorMessage(took time.Duration) { s.actors.message.Observe(took.Seconds()) }
