package api

import "time"

// The states of a node.
const (
	NodeReady    = "ready"
	NodeDraining = "draining"
	NodeSuspect  = "suspect" // not heard of for a while
	NodeLost     = "lost"
)

// Worker is a node as another sees it.
type Worker struct {
	ID      string            `json:"id" doc:"Peer id"`
	State   string            `json:"state" enum:"ready,draining,suspect,lost"`
	Self    bool              `json:"self,omitempty" doc:"Whether this is the node that answers"`
	Addrs   []string          `json:"addrs" doc:"Multiaddresses"`
	Version string            `json:"version,omitempty"`
	Region  string            `json:"region,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`

	Total          Capacity `json:"total" doc:"What the node offers in all"`
	Available      Capacity `json:"available" doc:"What of it is left"`
	AvailableRatio float64  `json:"available_ratio" doc:"0 full, 1 empty"`
	Running        int      `json:"running" doc:"Tasks that run there"`
	Queued         int      `json:"queued" doc:"Tasks that it accepted and has not placed"`
	Models         []string `json:"models,omitempty" doc:"Models that it offers"`
	Stay           []string `json:"stay,omitempty" doc:"In the answer to a drain: the actors that need this node, each with the reason"`

	RTTMS     float64   `json:"rtt_ms,omitempty" doc:"Round trip to it, in milliseconds"`
	Trust     float64   `json:"trust" doc:"How far it is trusted, from 0 to 1"`
	UpdatedAt time.Time `json:"updated_at" doc:"When it last announced its capacity"`
	StartedAt time.Time `json:"started_at,omitzero"`
	Health    Health    `json:"health"`
}

// Capacity is what a node has, or has left.
type Capacity struct {
	CPUCores     float64 `json:"cpu_cores"`
	MemoryBytes  uint64  `json:"memory_bytes"`
	StorageBytes uint64  `json:"storage_bytes"`
	NetworkMbps  float64 `json:"network_mbps"`
	GPUs         []GPU   `json:"gpus,omitempty"`
}

// GPU is one device.
type GPU struct {
	ID                string `json:"id"`
	Name              string `json:"name,omitempty"`
	MemoryBytes       uint64 `json:"memory_bytes"`
	ComputeCapability string `json:"compute_capability,omitempty"`
	OpenCL            string `json:"opencl,omitempty" doc:"The version of OpenCL, as a capability too, unless it is that"`
	Processor         bool   `json:"processor,omitempty" doc:"Whether it is the node's processor, driven like a GPU"`
	Available         bool   `json:"available"`
}

// Health is what this node has seen another do.
type Health struct {
	SuccessRate         float64   `json:"success_rate" doc:"Of the tasks it ended, from 0 to 1; 1 if none"`
	AvgCompletionMS     float64   `json:"avg_completion_ms"`
	LastSeen            time.Time `json:"last_seen,omitzero"`
	ConsecutiveFailures int       `json:"consecutive_failures"`
}
