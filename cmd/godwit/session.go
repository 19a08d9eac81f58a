package main

import (
	"context"
	"io"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
)

// session is a command while it talks to its node.
type session struct {
	*api.Client
	ctx context.Context // done at the first signal
	out io.Writer
}

// show prints v in the format that was asked for.
func (s *session) show(f render.Format, v any, table func(io.Writer) error) error {
	return render.Print(s.out, f, v, table)
}
