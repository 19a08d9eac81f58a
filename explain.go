package godwit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler"
)

// Plan implements the API's backend.
func (n *Node) Plan(ctx context.Context, r api.TaskRequest) (api.Plan, error) {
	spec, err := n.specOf(&r)
	if err != nil {
		return api.Plan{}, err
	}
	n.sizeUp(ctx, &spec.Hints)
	var x scheduler.Explanation
	var took time.Duration
	err = n.ask(ctx, func() {
		begun := time.Now()
		x = n.loop.submitter.Plan(newTaskID(), &spec)
		took = time.Since(begun)
	})
	plan := n.apiPlan(&x)
	plan.TaskID, plan.Status, plan.TookUS = "", "", microseconds(took)
	return plan, err
}

// Explain implements the API's backend.
func (n *Node) Explain(ctx context.Context, prefix string) (api.Plan, error) {
	id, err := n.findTask(ctx, prefix)
	if err != nil {
		return api.Plan{}, err
	}
	var x scheduler.Explanation
	var task scheduler.Task
	ok := false
	err = n.ask(ctx, func() {
		x, _ = n.loop.submitter.Explain(id)
		task, ok = n.loop.submitter.Task(id)
	})
	if err != nil {
		return api.Plan{}, err
	}
	if !ok {
		return api.Plan{}, fmt.Errorf("task %s: %w", id, api.ErrNotFound)
	}
	plan := n.apiPlan(&x)
	for _, a := range task.Attempts {
		plan.Attempts = append(plan.Attempts, n.apiAttempt(a))
	}
	if r := task.Result; r != nil {
		plan.Backend, plan.GPUs = r.Backend, apiUsedGPUs(r.GPUs)
	}
	return plan, nil
}

func (n *Node) apiPlan(x *scheduler.Explanation) api.Plan {
	p := api.Plan{
		TaskID: x.Task.String(), Status: string(x.State), Summary: x.Summary, NextTry: timeOf(x.NextTry),
		Candidates: []api.Candidate{}, Rejections: []api.Rejection{},
	}
	if x.Node != "" {
		p.Node = n.ids.text(x.Node)
	}
	for i := range x.Choices {
		p.Candidates, p.Rejections = n.sort(p.Candidates, p.Rejections, &x.Choices[i])
	}
	for i := range x.Rounds {
		p.Rounds = append(p.Rounds, n.apiRound(&x.Rounds[i]))
	}
	return p
}

// sort adds a node to those that fit, or to those that do not.
func (n *Node) sort(fit []api.Candidate, unfit []api.Rejection, c *scheduler.Choice) ([]api.Candidate, []api.Rejection) {
	if c.Out != "" {
		return fit, reject(unfit, c.Out.String(), n.ids.text(c.Node))
	}
	out := api.Candidate{Node: n.ids.text(c.Node), Score: c.Score}
	if c.Factor != 1 {
		out.Factor = c.Factor
	}
	for _, t := range c.Terms {
		out.Terms = append(out.Terms, api.Term{Name: t.Name, Value: t.Value, Weight: t.Weight})
	}
	return append(fit, out), unfit
}

// reject adds a node to those that one reason holds for.
func reject(list []api.Rejection, reason, node string) []api.Rejection {
	i := slices.IndexFunc(list, func(r api.Rejection) bool { return r.Reason == reason })
	if i < 0 {
		i, list = len(list), append(list, api.Rejection{Reason: reason})
	}
	list[i].Nodes = append(list[i].Nodes, node)
	return list
}

func (n *Node) apiRound(r *scheduler.Round) api.Round {
	out := api.Round{
		Attempt: int(r.Attempt), Placement: string(r.Way), Why: r.Why, BeganAt: r.Began.UTC(), TookUS: microseconds(r.Took),
		Known: r.Known, Asked: r.Asked, Summary: r.Summary, Score: r.Score, More: r.More,
	}
	if r.Chosen != "" {
		out.Node = n.ids.text(r.Chosen)
	}
	for _, c := range r.Choices() {
		out.Candidates, out.Rejections = n.sort(out.Candidates, out.Rejections, &c)
	}
	for i := range r.Answers {
		out.Answers = append(out.Answers, n.apiAnswer(&r.Answers[i]))
	}
	return out
}

func (n *Node) apiAnswer(a *scheduler.Answer) api.Answer {
	out := api.Answer{
		Node: n.ids.text(a.Node), AskedUS: microseconds(a.Asked), AfterUS: microseconds(a.After),
		Said: string(a.Said), Reason: a.Why.String(), Detail: a.Detail, Score: a.Score,
	}
	if o := a.Offer; o != nil {
		out.Offer = &api.Offer{
			Queue: int(o.Queue), Cost: float64(o.Cost) / 1e6, StartMS: milliseconds(o.Start), HeldBytes: o.Held,
			RTTMS: milliseconds(o.RTT), LeaseMS: milliseconds(o.Lease),
		}
	}
	return out
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
