package api

import "time"

// TaskRequest is what a client wants run. Of module and model exactly one is set.
//
// The body of the documents works as it stands:
//
//	{"model":"llama-2-7b","input":"Explain quantum computing",
//	 "requirements":{"min_memory":16000000000,"gpu_required":true}}
type TaskRequest struct {
	Module string `json:"module,omitempty" maxLength:"128" doc:"CID of the WebAssembly module to run"`
	Model  string `json:"model,omitempty" maxLength:"128" doc:"Name of a registered model to run"`
	Name   string `json:"name,omitempty" maxLength:"128" doc:"What people call this task; also the guest's own name, its first argument"`

	Args   []string `json:"args,omitempty" maxItems:"1024" doc:"The guest's arguments after its own name; those of the function with invoke"`
	Env    []string `json:"env,omitempty" maxItems:"1024" doc:"Environment variables, K=V"`
	Input  string   `json:"input,omitempty" doc:"Text for the guest's standard input"`
	Stdin  string   `json:"stdin,omitempty" maxLength:"128" doc:"CID of a file for the guest's standard input"`
	Inputs []Input  `json:"inputs,omitempty" maxItems:"256" doc:"Content that the guest finds under /in, read-only"`
	Invoke string   `json:"invoke,omitempty" maxLength:"256" doc:"Export to call with args instead of running the program"`

	Deterministic bool `json:"deterministic,omitempty" doc:"Fix clocks and randomness: every run is the same to the last byte and unit of fuel"`

	NoCheckpoints bool `json:"no_checkpoints,omitempty" doc:"Make no checkpoints of it while it runs: when its node dies, it begins anew"`

	Limits       Limits       `json:"limits,omitzero"`
	Requirements Requirements `json:"requirements,omitzero"`
	Hints        Hints        `json:"hints,omitzero"`

	Placement string     `json:"placement,omitempty" enum:"auto,direct,auction,local" doc:"How a node is found (default auto); local is this node or none"`
	Class     string     `json:"class,omitempty" enum:"default,latency,throughput" doc:"What matters: to be near and start at once, to have room, or all of it (default)"`
	Priority  string     `json:"priority,omitempty" enum:"low,normal,high,critical" doc:"Higher ones are placed first, then older ones (default normal)"`
	Retries   *int       `json:"retries,omitempty" minimum:"0" maximum:"100" doc:"How often to try again after a failure that is not the guest's (default as configured)"`
	Deadline  *time.Time `json:"deadline,omitempty" doc:"When it must have ended, waiting included"`
	MaxCost   float64    `json:"max_cost,omitempty" minimum:"0" doc:"What it may cost at most; 0 is no bound"`
}

// Input is a file or directory that a guest finds at /in/NAME.
type Input struct {
	Name string `json:"name" minLength:"1" maxLength:"255" doc:"Name under /in; no slashes"`
	CID  string `json:"cid" minLength:"1" maxLength:"128"`
}

// Limits stop a task; 0 is the node's default (memory) or none (fuel, timeout).
type Limits struct {
	Fuel        uint64 `json:"fuel,omitempty" doc:"Units of fuel"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty" doc:"Memories and tables together"`
	TimeoutMS   int64  `json:"timeout_ms,omitempty" minimum:"0" maximum:"9000000000000" doc:"Wall-clock time of one attempt, in milliseconds"`
}

// Requirements are what a node must have free for a task. Zero asks for nothing
// in particular.
type Requirements struct {
	CPUCores      float64  `json:"cpu_cores,omitempty" minimum:"0" maximum:"128" doc:"CPU cores, parts of one included"`
	MinMemory     uint64   `json:"min_memory,omitempty" doc:"Bytes of memory"`
	MinStorage    uint64   `json:"min_storage,omitempty" doc:"Bytes of storage"`
	NetworkMbps   float64  `json:"network_mbps,omitempty" minimum:"0" doc:"Megabits a second"`
	GPURequired   bool     `json:"gpu_required,omitempty" doc:"The same as gpu: required"`
	GPU           string   `json:"gpu,omitempty" enum:"required,preferred,none"`
	GPUMemory     uint64   `json:"gpu_memory,omitempty" doc:"Bytes of memory of each GPU"`
	GPUCount      int      `json:"gpu_count,omitempty" minimum:"0" maximum:"64" doc:"Number of GPUs (default 1 if one is asked for)"`
	ComputeCap    string   `json:"compute_capability,omitempty" maxLength:"32" doc:"Least compute capability, such as sm_70"`
	GPUTimeMS     int64    `json:"gpu_time_ms,omitempty" minimum:"0" maximum:"9000000000000" doc:"How long its GPUs may work for one attempt, in milliseconds (default no limit)"`
	DurationMS    int64    `json:"duration_ms,omitempty" minimum:"0" maximum:"9000000000000" doc:"How long it will probably run, in milliseconds"`
	RequireLabels []string `json:"labels,omitempty" maxItems:"64" doc:"Labels that the node must have, K=V"`
}

// Require before a hint makes it a requirement: the task runs there or nowhere.
const Require = "require:"

// Hints are preferences: where to run if there is a choice. What begins with
// [Require] is a requirement.
type Hints struct {
	Near     []string `json:"near,omitempty" maxItems:"64" doc:"CIDs: prefer nodes that hold them; as with all hints, require:CID for those only"`
	Colocate string   `json:"colocate,omitempty" maxLength:"128" doc:"Task to run beside"`
	Prefer   []string `json:"prefer,omitempty" maxItems:"64" doc:"Nodes to prefer"`
	Avoid    []string `json:"avoid,omitempty" maxItems:"64" doc:"Nodes to avoid"`
	Region   string   `json:"region,omitempty" maxLength:"136" doc:"Region to prefer"`
	Labels   []string `json:"labels,omitempty" maxItems:"64" doc:"Labels to prefer, K=V"`
}

// Submission is a request as a node gets it.
type Submission struct {
	Request TaskRequest
	// IdempotencyKey is that of the client, at most 255 bytes; "" is none. The same
	// key of the same client within a day means the same task.
	IdempotencyKey string
	// Client is who asks, for rates and keys: "local" or a name of the token's or
	// certificate's.
	Client string
}

// The states of a task (DESIGN §4.2).
const (
	StatusQueued    = "queued"
	StatusPlacing   = "placing"
	StatusRunning   = "running"
	StatusSucceeded = "succeeded"
	StatusFailed    = "failed"
	StatusCancelled = "cancelled"
)

// Ended reports whether a status is final.
func Ended(status string) bool {
	switch status {
	case StatusSucceeded, StatusFailed, StatusCancelled:
		return true
	}
	return false
}

// Task is a task as a node tells of it.
type Task struct {
	ID        string      `json:"id"`
	Status    string      `json:"status" enum:"queued,placing,running,succeeded,failed,cancelled"`
	Reason    string      `json:"reason,omitempty" doc:"Why it failed: exit, trap, out_of_fuel, timeout, out_of_memory, not_placed, node_lost or refused"`
	Message   string      `json:"message,omitempty" doc:"The cause in words; for a trap with the guest's stack"`
	Pending   string      `json:"pending,omitempty" doc:"Why it waits: rejections by reason"`
	Submitter string      `json:"submitter" doc:"Peer id of the node that accepted it"`
	Node      string      `json:"node,omitempty" doc:"Peer id of the node that runs or ran it"`
	Attempts  int         `json:"attempts" doc:"How often it was given to a node"`
	Request   TaskRequest `json:"request"`

	CreatedAt time.Time  `json:"created_at"`
	StartedAt *time.Time `json:"started_at,omitempty" doc:"Start of the last attempt"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`

	Result  *Result   `json:"result,omitempty" doc:"Set when a node has run it to an end"`
	History []Attempt `json:"history,omitempty" doc:"Every attempt; left out of lists"`
}

// Result is what an executor has signed.
type Result struct {
	ExitCode        int      `json:"exit_code" doc:"The guest's own"`
	FuelUsed        uint64   `json:"fuel_used"`
	FuelLimit       uint64   `json:"fuel_limit" doc:"0 is none"`
	MemoryPeakBytes uint64   `json:"memory_peak_bytes"`
	WallNS          int64    `json:"wall_ns" doc:"From instantiation to the end, in nanoseconds"`
	Started         bool     `json:"started" doc:"Whether the guest ran at all"`
	Values          []string `json:"values,omitempty" doc:"Results of the invoked function"`
	Outputs         []Output `json:"outputs" doc:"Files that the guest left in /out"`
	OutputCID       string   `json:"output_cid,omitempty" doc:"CID of the directory of all outputs"`
	StdoutBytes     uint64   `json:"stdout_bytes"`
	StderrBytes     uint64   `json:"stderr_bytes"`
	Truncated       bool     `json:"truncated,omitempty" doc:"Whether output beyond the limit was dropped"`

	Backend string    `json:"backend,omitempty" doc:"What its GPU work ran on: opencl, or cpu-go where there was no device"`
	GPUs    []UsedGPU `json:"gpus,omitempty" doc:"The devices that it had"`
}

// UsedGPU is a device that a task had to itself.
type UsedGPU struct {
	ID          string `json:"id"`
	Name        string `json:"name,omitempty"`
	MemoryBytes uint64 `json:"memory_bytes" doc:"How much of its memory the task might take"`
}

// Output is a file that the guest left in /out.
type Output struct {
	Path string `json:"path" doc:"Relative to /out"`
	Size int64  `json:"size" doc:"Bytes"`
	CID  string `json:"cid"`
}

// Attempt is one try to run a task on a node.
type Attempt struct {
	Number    int        `json:"number" doc:"From 1"`
	Node      string     `json:"node"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Outcome   string     `json:"outcome,omitempty" doc:"succeeded, a reason of failure, cancelled, migrated, or empty while it runs"`
	Message   string     `json:"message,omitempty"`

	From            *Point   `json:"from,omitempty" doc:"The checkpoint that it went on from; left out if it began anew"`
	Checkpoint      *Point   `json:"checkpoint,omitempty" doc:"Its newest checkpoint that counts"`
	Checkpoints     uint64   `json:"checkpoints,omitempty" doc:"How many were made"`
	CheckpointBytes uint64   `json:"checkpoint_bytes,omitempty" doc:"What was sent of them to the nodes that keep them"`
	Keepers         []string `json:"keepers,omitempty" doc:"Nodes that have the newest, besides this one"`
	NoCheckpoints   string   `json:"no_checkpoints,omitempty" doc:"Why there are none, if that is known"`
}

// OutcomeMigrated is the outcome of an attempt that was suspended for the next one to go on
// from its last checkpoint.
const OutcomeMigrated = "migrated"

// Point is a checkpoint of a task: where in its life it was made.
type Point struct {
	Attempt  int    `json:"attempt" doc:"That made it"`
	Sequence uint64 `json:"sequence" doc:"From 1 in each attempt"`
	Fuel     uint64 `json:"fuel" doc:"What the task had used by then"`
}

// TaskFilter chooses tasks of a list.
type TaskFilter struct {
	Status string // "" is any
	Limit  int    // how many at most; from 1 to 1000
	Cursor string // of the page before; "" is the start
	Prefix string // of ids; "" is any
}

// Plan is why a task is, or would be, where it is.
type Plan struct {
	TaskID     string      `json:"task_id,omitempty"`
	Status     string      `json:"status,omitempty"`
	Node       string      `json:"node,omitempty" doc:"The node chosen; empty if none fits"`
	Summary    string      `json:"summary" doc:"In words: 3 of 4 nodes: not enough memory; 1: region eu-west"`
	NextTry    *time.Time  `json:"next_try,omitempty" doc:"When it is tried again, if it waits for that"`
	TookUS     float64     `json:"took_us,omitempty" doc:"How long the choice took, in microseconds"`
	Candidates []Candidate `json:"candidates" doc:"Nodes that fit, best first"`
	Rejections []Rejection `json:"rejections" doc:"Nodes that do not, by reason"`
	Attempts   []Attempt   `json:"attempts,omitempty" doc:"Every attempt so far"`
	Backend    string      `json:"backend,omitempty" doc:"What its GPU work ran on, once it has ended"`
	GPUs       []UsedGPU   `json:"gpus,omitempty" doc:"The devices that it had, once it has ended"`
	Rounds     []Round     `json:"rounds,omitempty" doc:"The last looks for a node, oldest first"`
}

// Round is one look for a node: how nodes ranked, who was asked, what they said and
// when, and who got the task. What is in candidates and rejections of a plan is as of
// now; here it is as of then.
type Round struct {
	Attempt    int         `json:"attempt" doc:"Number of the attempt that it was for"`
	Placement  string      `json:"placement" enum:"direct,auction"`
	Why        string      `json:"why,omitempty" doc:"Why there was an auction"`
	BeganAt    time.Time   `json:"began_at"`
	TookUS     float64     `json:"took_us,omitempty" doc:"Until it was over, in microseconds; 0 while it goes on"`
	Known      int         `json:"known" doc:"How many nodes there were to choose from"`
	Asked      int         `json:"asked" doc:"How many of them were to answer"`
	Summary    string      `json:"summary,omitempty"`
	Node       string      `json:"node,omitempty" doc:"The node that got the task; empty if none did"`
	Score      float64     `json:"score,omitempty"`
	Candidates []Candidate `json:"candidates,omitempty" doc:"Nodes that fitted, best first; in a large mesh only the first"`
	Rejections []Rejection `json:"rejections,omitempty"`
	Answers    []Answer    `json:"answers,omitempty" doc:"In the order in which they came"`
	More       int         `json:"more,omitempty" doc:"How many answers are left out"`
}

// Answer is what a node said that was asked in a round.
type Answer struct {
	Node    string  `json:"node"`
	AskedUS float64 `json:"asked_us" doc:"When it was asked, in microseconds after the round began"`
	AfterUS float64 `json:"after_us,omitempty" doc:"When it answered; 0 if it has not"`
	Said    string  `json:"said" doc:"reserved, offered, refused, invalid, silent or gone; empty if nothing yet"`
	Reason  string  `json:"reason,omitempty" doc:"Why it refused, or its offer was not good enough"`
	Detail  string  `json:"detail,omitempty"`
	Score   float64 `json:"score,omitempty" doc:"Of the node when it was asked, or of its offer"`
	Offer   *Offer  `json:"offer,omitempty"`
}

// Offer is what a node has said of itself in an auction, and signed.
type Offer struct {
	Queue     int     `json:"queue" doc:"Other tasks there"`
	Cost      float64 `json:"cost,omitempty" doc:"Credits for 1000 units of fuel"`
	StartMS   float64 `json:"start_ms,omitempty" doc:"Until the task would begin, in milliseconds"`
	HeldBytes uint64  `json:"held_bytes,omitempty" doc:"Of what the task wants near"`
	RTTMS     float64 `json:"rtt_ms,omitempty" doc:"Round trip, as the node has measured it"`
	LeaseMS   float64 `json:"lease_ms" doc:"For how long it was good"`
}

// Candidate is a node that fits.
type Candidate struct {
	Node  string  `json:"node"`
	Score float64 `json:"score" doc:"From 0 to 1: the sum of the terms, times the factor"`
	Terms []Term  `json:"terms,omitempty" doc:"What the score is made of"`
	// Factor is left out if it is 1.
	Factor float64 `json:"factor,omitempty" doc:"How reliable the node was of late: the sum of the terms is multiplied by it (1 if left out)"`
}

// Term is a part of a score: it adds value times weight.
type Term struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value" doc:"From 0 to 1"`
	Weight float64 `json:"weight" doc:"The weights of a score sum to 1"`
}

// Rejection is a reason and the nodes that it holds for.
type Rejection struct {
	Reason string   `json:"reason"`
	Nodes  []string `json:"nodes"`
}

// LogOptions choose what of a task's output to read.
type LogOptions struct {
	Follow bool
	From   uint64 // number of the first piece wanted
}

// LogChunk is a piece of a task's output.
type LogChunk struct {
	Seq     uint64 `json:"seq" doc:"Number of this piece; to continue, ask from the next"`
	Attempt int    `json:"attempt" doc:"Attempt that wrote it; a new one begins again"`
	Stream  string `json:"stream" enum:"stdout,stderr"`
	Data    []byte `json:"data" doc:"The bytes, at most 64 KiB"`
}
