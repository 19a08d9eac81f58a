package api

import (
	"context"
	"net/http"
)

// Self describes the node that answers.
func (c *Client) Self(ctx context.Context) (w Worker, err error) {
	return w, c.ask(ctx, call{method: http.MethodGet, path: at("node")}, nil, &w)
}

// Workers lists the nodes of the mesh.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	var list WorkerList
	err := c.ask(ctx, call{method: http.MethodGet, path: at("workers")}, nil, &list)
	return list.Workers, err
}

// Worker describes a node.
func (c *Client) Worker(ctx context.Context, id string) (w Worker, err error) {
	return w, c.ask(ctx, call{method: http.MethodGet, path: at("workers", id)}, nil, &w)
}

// SetDraining makes the node refuse new work, or take it again.
func (c *Client) SetDraining(ctx context.Context, on bool) (w Worker, err error) {
	method := http.MethodDelete
	if on {
		method = http.MethodPut
	}
	return w, c.ask(ctx, call{method: method, path: at("node", "drain")}, nil, &w)
}

// SetLabels sets and removes labels of the node.
func (c *Client) SetLabels(ctx context.Context, set map[string]string, remove []string) (w Worker, err error) {
	k := call{method: http.MethodPatch, path: at("node", "labels")}
	return w, c.ask(ctx, k, LabelChange{set, remove}, &w)
}

// AddModel publishes a model.
func (c *Client) AddModel(ctx context.Context, spec ModelSpec) (m Model, err error) {
	return m, c.ask(ctx, call{method: http.MethodPost, path: at("models")}, spec, &m)
}

// Models lists models.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	var list ModelList
	err := c.ask(ctx, call{method: http.MethodGet, path: at("models")}, nil, &list)
	return list.Models, err
}

// RemoveModel withdraws a model.
func (c *Client) RemoveModel(ctx context.Context, name string) error {
	return c.ask(ctx, call{method: http.MethodDelete, path: at("models", name)}, nil, nil)
}
