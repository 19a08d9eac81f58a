package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
	"github.com/godwit-run/godwit/internal/units"
)

func newTaskExplain(r *remote) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use: "explain ID", Short: "Say why a task is where it is, or nowhere yet",
		Long: `Says of every node how it ranks for a task now, by the terms of its score, or why it
is out of the question; and of every look for a node since the task was submitted
how they ranked then, who was asked, who answered what and when, and who got it.`,
		Args:              exactly(1, "name a task"),
		ValidArgsFunction: r.completes(taskIDs),
		RunE: r.asks(func(s *session, args []string) error {
			p, err := s.Explain(s.ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(format, p, planGrid(p).write)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func planGrid(p api.Plan) *grid {
	g := newGrid()
	g.fact("task", "%s", p.TaskID)
	g.fact("status", "%s", p.Status)
	g.fact("node", "%s", p.Node)
	g.fact("summary", "%s", p.Summary)
	if p.NextTry != nil {
		g.fact("next try", "%s", p.NextTry.Format(time.RFC3339))
	}
	gpuFacts(g, p.Backend, p.GPUs)
	if p.TookUS > 0 {
		g.fact("decided in", "%v", round(microseconds(p.TookUS)))
	}
	rankFacts(g, "", p.Candidates, p.Rejections)
	for i, r := range p.Rounds {
		roundFacts(g, i+1, r)
	}
	for _, a := range p.Attempts {
		g.fact("attempt "+fmt.Sprint(a.Number), "%s on %s %s", attemptOutcome(a), a.Node, a.Message)
	}
	return g
}

func rankFacts(g *grid, indent string, fit []api.Candidate, unfit []api.Rejection) {
	for _, c := range fit {
		g.fact(indent+"candidate", "%s  score %.3f%s", c.Node, c.Score, scoreTerms(c))
	}
	for _, r := range unfit {
		g.fact(indent+"rejected", "%s: %s", r.Reason, strings.Join(r.Nodes, ", "))
	}
}

// scoreTerms is what a score is made of.
func scoreTerms(c api.Candidate) string {
	var list []string
	for _, t := range c.Terms {
		list = append(list, fmt.Sprintf("%s %.2f × %.2f", t.Name, t.Value, t.Weight))
	}
	switch {
	case len(list) == 0:
		return ""
	case c.Factor != 0:
		return fmt.Sprintf(" = (%s) × reliability %.2f", strings.Join(list, " + "), c.Factor)
	}
	return " = " + strings.Join(list, " + ")
}

// roundFacts tell of one look for a node: what it led to, how nodes ranked then, and
// what they said.
func roundFacts(g *grid, number int, r api.Round) {
	g.fact(fmt.Sprintf("round %d", number), "%s", roundEnd(r))
	g.fact("  because", "%s", r.Why)
	g.fact("  then", "%s", r.Summary)
	rankFacts(g, "  ", r.Candidates, r.Rejections)
	for _, a := range r.Answers {
		g.fact("  asked", "%s  %s", a.Node, answerFacts(a))
	}
	if r.More > 0 {
		g.fact("  asked", "%d more", r.More)
	}
}

func roundEnd(r api.Round) string {
	text := fmt.Sprintf("%s, %d of %d nodes asked", r.Placement, r.Asked, max(r.Known, r.Asked))
	if r.Node != "" {
		text = fmt.Sprintf("%s for attempt %d, %d of %d nodes asked", r.Placement, r.Attempt, r.Asked, max(r.Known, r.Asked))
	}
	switch {
	case r.TookUS == 0:
		return text + ": goes on"
	case r.Node == "":
		return fmt.Sprintf("%s: nobody after %v", text, round(microseconds(r.TookUS)))
	}
	return fmt.Sprintf("%s: %s after %v", text, r.Node, round(microseconds(r.TookUS)))
}

// answerFacts are what a node said, and when.
func answerFacts(a api.Answer) string {
	if a.Said == "" {
		return "has not answered"
	}
	text := fmt.Sprintf("%s after %v", a.Said, round(microseconds(a.AfterUS)))
	for _, why := range []string{a.Reason, a.Detail} {
		if why != "" {
			text += ": " + why
		}
	}
	if a.Offer != nil {
		text += offerFacts(a)
	}
	return text
}

func offerFacts(a api.Answer) string {
	o := a.Offer
	text := fmt.Sprintf(", score %.3f: %d tasks there", a.Score, o.Queue)
	if o.Cost > 0 {
		text += fmt.Sprintf(", cost %g", o.Cost)
	}
	if o.StartMS > 0 {
		text += fmt.Sprintf(", start in %v", round(microseconds(o.StartMS*1e3)))
	}
	if o.HeldBytes > 0 {
		text += fmt.Sprintf(", holds %v", units.Size(o.HeldBytes).Approx())
	}
	return text
}

func microseconds(us float64) time.Duration { return time.Duration(us * float64(time.Microsecond)) }
