package api

import "time"

// ModelSpec is a module with what it always runs with, under a name: what
// {"model": NAME, "input": TEXT} needs to become a task. The input of the task is
// the guest's standard input.
type ModelSpec struct {
	Name         string       `json:"name" minLength:"1" maxLength:"128" pattern:"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"`
	Module       string       `json:"module" minLength:"1" maxLength:"128" doc:"CID of the module"`
	Args         []string     `json:"args,omitempty" maxItems:"1024"`
	Env          []string     `json:"env,omitempty" maxItems:"1024" doc:"K=V"`
	Inputs       []Input      `json:"inputs,omitempty" maxItems:"256" doc:"Content that the guest finds under /in, such as weights"`
	Limits       Limits       `json:"limits,omitzero" doc:"Where a task sets none"`
	Requirements Requirements `json:"requirements,omitzero" doc:"Where a task asks for less"`
}

// Model is a published ModelSpec.
type Model struct {
	ModelSpec
	Publisher string    `json:"publisher" doc:"Peer id of the node that signed it"`
	CreatedAt time.Time `json:"created_at"`
	Nodes     []string  `json:"nodes,omitempty" doc:"Nodes that hold all of it"`
}
