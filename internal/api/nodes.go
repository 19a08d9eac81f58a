package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// WorkerList is all nodes.
type WorkerList struct {
	Workers []Worker `json:"workers"`
}

// LabelChange sets and removes labels.
type LabelChange struct {
	Set    map[string]string `json:"set,omitempty" maxProperties:"64"`
	Remove []string          `json:"remove,omitempty" maxItems:"64"`
}

type workerOutput struct{ Body Worker }

type none struct{}

func (s *Server) registerNodes(api huma.API) {
	huma.Register(api, s.operation("list-workers", http.MethodGet, "/workers", "List the nodes of the mesh"), s.workers)
	huma.Register(api, s.operation("get-worker", http.MethodGet, "/workers/{id}", "Describe a node"),
		func(ctx context.Context, in *IDParam) (*workerOutput, error) {
			return worker(s.backend.Worker(ctx, in.ID))
		})
	huma.Register(api, s.operation("get-node", http.MethodGet, "/node", "Describe this node"),
		func(ctx context.Context, _ *none) (*workerOutput, error) { return worker(s.backend.Self(ctx)) })
	huma.Register(api, s.operation("drain-node", http.MethodPut, "/node/drain", "Take no new work"),
		func(ctx context.Context, _ *none) (*workerOutput, error) {
			return worker(s.backend.SetDraining(ctx, true))
		})
	huma.Register(api, s.operation("undrain-node", http.MethodDelete, "/node/drain", "Take work again"),
		func(ctx context.Context, _ *none) (*workerOutput, error) {
			return worker(s.backend.SetDraining(ctx, false))
		})
	huma.Register(api, s.operation("label-node", http.MethodPatch, "/node/labels", "Set and remove labels of this node"),
		func(ctx context.Context, in *struct{ Body LabelChange }) (*workerOutput, error) {
			return worker(s.backend.SetLabels(ctx, in.Body.Set, in.Body.Remove))
		})
}

func worker(w Worker, err error) (*workerOutput, error) {
	if err != nil {
		return nil, problem(err)
	}
	w.Addrs = orEmpty(w.Addrs)
	return &workerOutput{w}, nil
}

func (s *Server) workers(ctx context.Context, _ *none) (*struct{ Body WorkerList }, error) {
	workers, err := s.backend.Workers(ctx)
	if err != nil {
		return nil, problem(err)
	}
	for i := range workers {
		workers[i].Addrs = orEmpty(workers[i].Addrs)
	}
	return &struct{ Body WorkerList }{WorkerList{orEmpty(workers)}}, nil
}
