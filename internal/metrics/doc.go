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
//	godwit_task_resumes_total                  those that went on from a checkpoint
//	godwit_task_checkpoints_total              checkpoints made here of tasks
//	godwit_task_checkpoint_bytes_total         their bytes
//	godwit_task_checkpoint_lag_seconds         from the state that one has until another node had it
//	godwit_task_latency_seconds                from acceptance to the end
//	godwit_task_success_rate                   of tasks that ended, from 0 to 1; 1 if none
//	godwit_workers_available                   nodes that take work, this one included
//	godwit_workers_busy                        nodes that run something
//	godwit_worker_selection_duration_seconds   time to choose a node
//	godwit_placement_offers_sent_total         reservations and offers that others got from here
//	godwit_placement_wins_total                those that were taken up
//	godwit_placement_losses_total              those that were not
//	godwit_placement_score                     score of the nodes chosen
//	godwit_actors_running                      actors that live here and are in memory
//	godwit_actors_idle                         those that wait for a message
//	godwit_actor_replicas                      actors that this node keeps, wherever they live
//	godwit_actor_message_seconds               from a message's arrival until it was committed
//	godwit_actor_checkpoints_total             checkpoints that counted
//	godwit_actor_checkpoint_bytes_total        their bytes
//	godwit_actor_checkpoint_pause_seconds      how long an actor stood still for one
//	godwit_actor_checkpoint_lag_seconds        from the state that one has until it counted
//	godwit_actor_migrations_total{reason}      actors that moved away, by reason
//	godwit_actor_migration_pause_seconds       how long they stood still for that
//	godwit_actor_failovers_total               actors that came up here after their node had failed
//	godwit_actor_failover_seconds              from the suspicion until they were up
//	godwit_actor_replayed_entries              entries of the log that were replayed then
//	godwit_actor_activation_seconds            time to bring up an actor, for whatever reason
//	godwit_gpus                                devices that tasks may have here
//	godwit_gpus_busy                           those that a task has
//	godwit_gpu_runs_total                      attempts that used a device
//	godwit_gpu_seconds_total                   how long devices worked for these
//	godwit_gpu_lost_total                      attempts that ended because a device, or its driver, went away
//
// and the usual ones of the process (process_*) and the Go runtime (go_*).
//
// # Invariants
//
//   - A set has its own registry: several nodes in one process do not mix.
//   - Labels have few values, none of which a client chooses.
package metrics
