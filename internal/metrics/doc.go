// Package metrics counts what a node does, for Prometheus.
//
//	m := metrics.New(source)
//	m.TaskEnded("failed", "trap", latency)
//	http.Handle("/metrics", m.Handler())
//
// # What there is
//
//	godwit_tasks_queued                        tasks accepted here that run nowhere yet
//	godwit_tasks_running                       tasks that run here
//	godwit_tasks_submitted_total               tasks accepted here
//	godwit_tasks_completed_total               tasks accepted here that succeeded
//	godwit_tasks_failed_total{reason}          those that failed, by reason
//	godwit_tasks_cancelled_total               those that were cancelled
//	godwit_task_retries_total                  attempts after the first
//	godwit_task_latency_seconds                from acceptance to the end
//	godwit_task_success_rate                   of tasks that ended, from 0 to 1; 1 if none
//	godwit_workers_available                   nodes that take work, this one included
//	godwit_workers_busy                        nodes that run something
//	godwit_worker_selection_duration_seconds   time to choose a node
//	godwit_placement_offers_sent_total         reservations and offers that others got from here
//	godwit_placement_wins_total                those that were taken up
//	godwit_placement_losses_total              those that were not
//	godwit_placement_score                     score of the nodes chosen
//
// and the usual ones of the process (process_*) and the Go runtime (go_*).
//
// # Invariants
//
//   - A set has its own registry: several nodes in one process do not mix.
//   - Labels have few values, none of which a client chooses.
package metrics
