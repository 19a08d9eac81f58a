package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// ModelList is all models of the mesh.
type ModelList struct {
	Models []Model `json:"models"`
}

type nameInput struct {
	Name string `path:"name" maxLength:"128"`
}

func (s *Server) registerModels(api huma.API) {
	huma.Register(api, s.operation("list-models", http.MethodGet, "/models", "List models"), s.models)
	add := s.operation("add-model", http.MethodPost, "/models", "Publish a model")
	add.DefaultStatus = http.StatusCreated
	huma.Register(api, add, s.addModel)
	huma.Register(api, s.operation("remove-model", http.MethodDelete, "/models/{name}", "Withdraw a model"), s.removeModel)
}

func (s *Server) models(ctx context.Context, _ *none) (*struct{ Body ModelList }, error) {
	models, err := s.backend.Models(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body ModelList }{ModelList{orEmpty(models)}}, nil
}

func (s *Server) addModel(ctx context.Context, in *struct{ Body ModelSpec }) (*struct{ Body Model }, error) {
	if err := in.Body.check(); err != nil {
		return nil, problem(err)
	}
	model, err := s.backend.AddModel(ctx, in.Body)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body Model }{model}, nil
}

func (s *Server) removeModel(ctx context.Context, in *nameInput) (*none, error) {
	if err := s.backend.RemoveModel(ctx, in.Name); err != nil {
		return nil, problem(err)
	}
	return nil, nil
}
