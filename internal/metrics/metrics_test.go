package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, s *Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// Every metric is there from the start, and counts what it says.
func TestMetrics(t *testing.T) {
	now := Now{}
	s := New(func() Now { return now })
	fresh := scrape(t, s)
	for _, line := range []string{
		"godwit_tasks_queued 0", "godwit_tasks_running 0", "godwit_tasks_submitted_total 0", "godwit_tasks_completed_total 0",
		`godwit_tasks_failed_total{reason="trap"} 0`, "godwit_tasks_cancelled_total 0", "godwit_task_retries_total 0",
		"godwit_task_checkpoints_total 0", "godwit_task_resumes_total 0",
		"godwit_task_latency_seconds_count 0", "godwit_task_success_rate 1", "godwit_workers_available 0", "godwit_workers_busy 0",
		"godwit_worker_selection_duration_seconds_count 0", "godwit_placement_offers_sent_total 0", "godwit_placement_wins_total 0",
		"godwit_placement_losses_total 0", "godwit_placement_score_count 0", "go_goroutines ", "process_open_fds ",
		"godwit_actors_running 0", `godwit_actor_migrations_total{reason="drain"} 0`, "godwit_actor_failovers_total 0",
		"godwit_actor_checkpoints_total 0", "godwit_actor_checkpoint_lag_seconds_count 0", "godwit_actor_replayed_entries_count 0",
		"godwit_gpus 0", "godwit_gpus_busy 0", "godwit_gpu_runs_total 0", "godwit_gpu_lost_total 0",
	} {
		if !strings.Contains(fresh, "\n"+line) {
			t.Errorf("at the start there is no %s", line)
		}
	}

	now = Now{Queued: 15, Running: 2, WorkersAvailable: 8, WorkersBusy: 3, ActorsRunning: 4, ActorsIdle: 1000, ActorReplicas: 2000, GPUs: 8, GPUsBusy: 5}
	for range 4 {
		s.TaskSubmitted()
	}
	s.TaskRetried()
	s.TaskCheckpointed(4096, time.Millisecond)
	s.TaskResumed()
	s.TaskEnded("succeeded", "", 20*time.Millisecond)
	s.TaskEnded("failed", "trap", time.Second)
	s.TaskEnded("failed", "a client's own word", time.Second)
	s.TaskEnded("succeeded", "", time.Second)
	s.TaskEnded("cancelled", "", time.Second)
	s.Selected(30*time.Microsecond, 0.68)
	s.OfferSent()
	s.OfferWon()
	s.OfferLost()
	s.ActorCheckpointed(4096, time.Millisecond, 5*time.Millisecond)
	s.ActorMigrated("drain", 2*time.Millisecond)
	s.ActorMigrated("a client's own reason", time.Millisecond)
	s.ActorFailedOver(100*time.Millisecond, 17)
	s.ActorActivated(time.Millisecond)
	s.ActorMessage(time.Millisecond)
	s.GPUUsed(250 * time.Millisecond)
	s.GPUUsed(-1) // a device's clock that is wrong
	s.GPULost()
	text := scrape(t, s)
	for _, line := range []string{
		"godwit_tasks_queued 15", "godwit_tasks_running 2", "godwit_tasks_submitted_total 4", "godwit_tasks_completed_total 2",
		`godwit_tasks_failed_total{reason="trap"} 1`, `godwit_tasks_failed_total{reason="other"} 1`, "godwit_tasks_cancelled_total 1",
		"godwit_task_retries_total 1",
		"godwit_task_checkpoints_total 1", "godwit_task_checkpoint_bytes_total 4096", "godwit_task_resumes_total 1", "godwit_task_latency_seconds_count 5", "godwit_task_success_rate 0.5",
		"godwit_workers_available 8", "godwit_workers_busy 3", "godwit_worker_selection_duration_seconds_count 1",
		"godwit_placement_offers_sent_total 1", "godwit_placement_wins_total 1", "godwit_placement_losses_total 1",
		"godwit_placement_score_sum 0.68",
		"godwit_gpus 8", "godwit_gpus_busy 5", "godwit_gpu_runs_total 2", "godwit_gpu_seconds_total 0.25", "godwit_gpu_lost_total 1",
		"godwit_actors_running 4", "godwit_actors_idle 1000", "godwit_actor_replicas 2000",
		"godwit_actor_checkpoints_total 1", "godwit_actor_checkpoint_bytes_total 4096", "godwit_actor_checkpoint_pause_seconds_sum 0.001",
		"godwit_actor_checkpoint_lag_seconds_sum 0.005", `godwit_actor_migrations_total{reason="drain"} 1`,
		`godwit_actor_migrations_total{reason="other"} 1`, "godwit_actor_migration_pause_seconds_count 2",
		"godwit_actor_failovers_total 1", "godwit_actor_failover_seconds_sum 0.1", "godwit_actor_replayed_entries_sum 17",
		"godwit_actor_activation_seconds_count 1", "godwit_actor_message_seconds_count 1",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	if strings.Contains(text, "client's own") {
		t.Error("a client chose a label")
	}
}

// Two nodes in one process count apart.
func TestSetsAreApart(t *testing.T) {
	none := func() Now { return Now{} }
	a, b := New(none), New(none)
	a.TaskSubmitted()
	if !strings.Contains(scrape(t, b), "\ngodwit_tasks_submitted_total 0\n") {
		t.Error("a task of one was counted by the other")
	}
}
