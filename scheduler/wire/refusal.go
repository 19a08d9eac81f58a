package wire

import "fmt"

// Refusal is why a node does not run a task.
type Refusal string

// The refusals. The first group is of capacity and passes; see Passing.
const (
	RefusedCPU     Refusal = "cpu"
	RefusedMemory  Refusal = "memory"
	RefusedStorage Refusal = "storage"
	RefusedNetwork Refusal = "network"
	RefusedGPU     Refusal = "gpu"
	RefusedBusy    Refusal = "busy"  // too many tasks or unfetched results of this submitter
	RefusedShare   Refusal = "share" // others wait, and this submitter has its share

	RefusedNoGPU    Refusal = "no_gpu" // whatever else runs there
	RefusedDraining Refusal = "draining"
	RefusedSilent   Refusal = "silent"  // not heard of lately, or it did not answer
	RefusedTried    Refusal = "tried"   // it failed or refused this task just now
	RefusedStale    Refusal = "stale"   // a later attempt is known
	RefusedInvalid  Refusal = "invalid" // the request makes no sense to the node
	RefusedAvoid    Refusal = "avoid"
	RefusedLabel    Refusal = "label"
	RefusedPrefer   Refusal = "prefer"
	RefusedRegion   Refusal = "region"
	RefusedNear     Refusal = "near"
	RefusedColocate Refusal = "colocate"
	RefusedLocal    Refusal = "local" // only this node may run it
	RefusedTrust    Refusal = "trust"
	RefusedStranger Refusal = "stranger" // it trusts the submitter too little
	RefusedLatency  Refusal = "latency"
	RefusedCost     Refusal = "cost"
)

// words say for people what a node was refused for.
func (r Refusal) words() string {
	switch r {
	case RefusedCPU:
		return "not enough cpu"
	case RefusedMemory:
		return "not enough memory"
	case RefusedStorage:
		return "not enough storage"
	case RefusedNetwork:
		return "not enough network"
	case RefusedGPU:
		return "such a gpu is taken"
	case RefusedNoGPU:
		return "no such gpu"
	case RefusedBusy:
		return "too many tasks"
	case RefusedShare:
		return "others come first"
	case RefusedDraining:
		return "draining"
	case RefusedSilent:
		return "not reachable"
	case RefusedTried:
		return "just failed or refused it"
	case RefusedStale:
		return "knows a later attempt"
	case RefusedInvalid:
		return "cannot read the request"
	case RefusedAvoid:
		return "to be avoided"
	case RefusedLabel:
		return "without a required label"
	case RefusedPrefer:
		return "not the node asked for"
	case RefusedRegion:
		return "in another region"
	case RefusedNear:
		return "without the data"
	case RefusedColocate:
		return "not beside that task"
	case RefusedLocal:
		return "not this node"
	case RefusedTrust:
		return "not trusted enough"
	case RefusedStranger:
		return "does not trust this node"
	case RefusedLatency:
		return "too far away"
	case RefusedCost:
		return "too expensive"
	}
	return ""
}

// String is for people: "not enough memory".
func (r Refusal) String() string {
	if w := r.words(); w != "" {
		return w
	}
	return string(r)
}

func (r Refusal) validate() error {
	if r.words() == "" {
		return fmt.Errorf("refusal %.40q: %w", string(r), ErrInvalid)
	}
	return nil
}
