package godwit

import (
	"testing"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/scheduler/placement"
)

// last prefers the node whose id is greatest.
type last struct{}

func (last) Judge(c *placement.Candidate, r *placement.Request) {
	if c.Refuse(placement.Check(r, c.Node)); c.Out == "" {
		id := c.Node.ID
		c.Add("last byte", float64(id[len(id)-1])/255, 1)
	}
}

// Who embeds a node may rank in a way of one's own.
func TestOwnPolicy(t *testing.T) {
	a := start(t, Config{Policy: last{}})
	plan, err := a.Plan(t.Context(), api.TaskRequest{Module: putBytes(t, a, noop)})
	if err != nil || len(plan.Candidates) != 1 || len(plan.Candidates[0].Terms) != 1 || plan.Candidates[0].Terms[0].Name != "last byte" {
		t.Fatalf("%+v, %v", plan, err)
	}
	run(t, a, api.TaskRequest{Module: putBytes(t, a, noop)})
}
