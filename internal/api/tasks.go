package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// caller is embedded in inputs that need to know who asks.
type caller struct{ name string }

// Resolve implements huma.Resolver.
func (c *caller) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	c.name = client(r)
	return nil
}

type submitInput struct {
	Caller         caller
	Wait           waitParam `query:"wait" doc:"How long to wait for the task to end before answering, such as 30s"`
	IdempotencyKey string    `header:"Idempotency-Key" maxLength:"255" doc:"The same key within a day means the same task"`
	Body           TaskRequest
}

type submitOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     Task
}

type taskOutput struct{ Body Task }

type planOutput struct{ Body Plan }

type listInput struct {
	Status string `query:"status" enum:"queued,placing,running,succeeded,failed,cancelled"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The next of the page before"`
	Prefix string `query:"prefix" maxLength:"128" doc:"Beginning of ids"`
}

// TaskList is a page of tasks.
type TaskList struct {
	Tasks []Task `json:"tasks"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page"`
}

type listOutput struct{ Body TaskList }

// IDParam is the id in a path.
type IDParam struct {
	ID string `path:"id" maxLength:"128" doc:"Id, or the beginning of one"`
}

type getInput struct {
	IDParam
	Wait waitParam `query:"wait" doc:"How long to wait for the task to end before answering, such as 30s"`
}

// waitParam is a duration in a query.
type waitParam string

// duration reads it, cut to the most that is allowed; name is the parameter's.
func (p waitParam) duration(name string, most time.Duration) (time.Duration, error) {
	if p == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(string(p))
	if err != nil || d < 0 {
		return 0, huma.Error422UnprocessableEntity(name + ": want a time such as 30s")
	}
	return min(d, most), nil
}

func (s *Server) registerTasks(api huma.API) {
	huma.Register(api, s.operation("submit-task", http.MethodPost, "/tasks", "Submit a task"), s.submit)
	huma.Register(api, s.operation("plan-task", http.MethodPost, "/tasks/plan", "Tell where a task would run, and run nothing"), s.plan)
	huma.Register(api, s.operation("list-tasks", http.MethodGet, "/tasks", "List tasks, newest first"), s.list)
	huma.Register(api, s.operation("get-task", http.MethodGet, "/tasks/{id}", "Describe a task"), s.task)
	huma.Register(api, s.operation("cancel-task", http.MethodDelete, "/tasks/{id}", "Cancel a task"), s.cancel)
	huma.Register(api, s.operation("migrate-task", http.MethodPost, "/tasks/{id}/migrate", "Have a running task go on on another node"), s.migrateTask)
	huma.Register(api, s.operation("explain-task", http.MethodGet, "/tasks/{id}/explain", "Tell why a task is where it is, or nowhere yet"), s.explain)
}

func (s *Server) submit(ctx context.Context, in *submitInput) (*submitOutput, error) {
	wait, err := in.Wait.duration("wait", s.cfg.MaxWait)
	if err != nil {
		return nil, err
	}
	if err := in.Body.check(); err != nil {
		return nil, problem(err)
	}
	task, created, err := s.backend.Submit(ctx, Submission{
		Request: in.Body, IdempotencyKey: in.IdempotencyKey, Client: in.Caller.name,
	})
	if err != nil {
		return nil, problem(err)
	}
	if task, err = s.await(ctx, task, wait); err != nil {
		return nil, problem(err)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return &submitOutput{status, "/api/v1/tasks/" + task.ID, task}, nil
}

// await returns a task when it has ended, or as it is after that time.
func (s *Server) await(ctx context.Context, t Task, wait time.Duration) (Task, error) {
	if wait <= 0 || Ended(t.Status) {
		return t, nil
	}
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ended, err := s.backend.Wait(bounded, t.ID)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return s.backend.Task(ctx, t.ID)
	}
	return ended, err
}

func (s *Server) plan(ctx context.Context, in *struct{ Body TaskRequest }) (*planOutput, error) {
	if err := in.Body.check(); err != nil {
		return nil, problem(err)
	}
	plan, err := s.backend.Plan(ctx, in.Body)
	return planned(plan, err)
}

func (s *Server) explain(ctx context.Context, in *IDParam) (*planOutput, error) {
	plan, err := s.backend.Explain(ctx, in.ID)
	return planned(plan, err)
}

func planned(plan Plan, err error) (*planOutput, error) {
	if err != nil {
		return nil, problem(err)
	}
	plan.Candidates, plan.Rejections = orEmpty(plan.Candidates), orEmpty(plan.Rejections)
	return &planOutput{plan}, nil
}

func (s *Server) list(ctx context.Context, in *listInput) (*listOutput, error) {
	tasks, next, err := s.backend.Tasks(ctx, TaskFilter(*in))
	if err != nil {
		return nil, problem(err)
	}
	return &listOutput{TaskList{orEmpty(tasks), next}}, nil
}

func (s *Server) task(ctx context.Context, in *getInput) (*taskOutput, error) {
	wait, err := in.Wait.duration("wait", s.cfg.MaxWait)
	if err != nil {
		return nil, err
	}
	task, err := s.backend.Task(ctx, in.ID)
	if err == nil {
		task, err = s.await(ctx, task, wait)
	}
	if err != nil {
		return nil, problem(err)
	}
	return &taskOutput{task}, nil
}

func (s *Server) cancel(ctx context.Context, in *IDParam) (*taskOutput, error) {
	task, err := s.backend.Cancel(ctx, in.ID)
	if err != nil {
		return nil, problem(err)
	}
	return &taskOutput{task}, nil
}

type migrateTaskInput struct {
	IDParam
	Body *Migration
}

func (s *Server) migrateTask(ctx context.Context, in *migrateTaskInput) (*taskOutput, error) {
	task, err := s.backend.Migrate(ctx, in.ID, in.Body.orDefault().To)
	if err != nil {
		return nil, problem(err)
	}
	return &taskOutput{task}, nil
}

// orEmpty makes JSON write a list without items as [] rather than null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
