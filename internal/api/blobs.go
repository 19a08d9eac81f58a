package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const tarType = "application/x-tar"

// BlobList is the pinned blobs of a node.
type BlobList struct {
	Blobs []Blob `json:"blobs"`
}

// CIDParam is the CID in a path.
type CIDParam struct {
	CID string `path:"cid" maxLength:"128"`
}

type statInput struct {
	CIDParam
	Local bool `query:"local" doc:"Look no further than this node"`
}

type putInput struct {
	X           exchange
	Pin         bool   `query:"pin" default:"true" doc:"Keep it until it is unpinned"`
	Name        string `query:"name" maxLength:"255" doc:"What to call it in lists"`
	ContentType string `header:"Content-Type"`
}

type openInput struct {
	CIDParam
	X      exchange
	Accept string `header:"Accept"`
}

type blobOutput struct{ Body Blob }

func (s *Server) registerBlobs(api huma.API) {
	put := s.operation("put-blob", http.MethodPost, "/blobs", "Store a file, or a folder as a tar archive")
	put.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: binary}, tarType: {Schema: binary},
	}}
	put.Responses["201"] = &huma.Response{Description: "Created", Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemaOf[Blob](api)},
	}}
	huma.Register(api, put, s.putBlob)
	huma.Register(api, s.operation("list-blobs", http.MethodGet, "/blobs", "List pinned blobs"), s.blobs)
	get := s.operation("get-blob", http.MethodGet, "/blobs/{cid}", "Read a file, or a folder as a tar archive")
	huma.Register(api, streams(get, binary, "application/octet-stream", tarType), s.getBlob)
	huma.Register(api, s.operation("stat-blob", http.MethodGet, "/blobs/{cid}/stat", "Describe a blob"),
		func(ctx context.Context, in *statInput) (*blobOutput, error) {
			return blob(s.backend.Stat(ctx, in.CID, in.Local))
		})
	huma.Register(api, s.operation("pin-blob", http.MethodPut, "/blobs/{cid}/pin", "Fetch a blob whole and keep it"),
		func(ctx context.Context, in *CIDParam) (*blobOutput, error) { return blob(s.backend.Pin(ctx, in.CID)) })
	huma.Register(api, s.operation("unpin-blob", http.MethodDelete, "/blobs/{cid}/pin", "Leave a blob to the collector"),
		func(ctx context.Context, in *CIDParam) (*blobOutput, error) {
			return blob(s.backend.Unpin(ctx, in.CID))
		})
}

func blob(b Blob, err error) (*blobOutput, error) {
	if err != nil {
		return nil, problem(err)
	}
	return &blobOutput{b}, nil
}

func (s *Server) blobs(ctx context.Context, _ *none) (*struct{ Body BlobList }, error) {
	blobs, err := s.backend.Blobs(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return &struct{ Body BlobList }{BlobList{orEmpty(blobs)}}, nil
}

// putBlob reads the body as it comes; huma does not see it.
func (s *Server) putBlob(ctx context.Context, in *putInput) (*huma.StreamResponse, error) {
	return s.answer(&in.X, func(w *responder) error {
		b, err := s.store(ctx, in)
		if err != nil {
			w.Header().Set("Connection", "close")
			problem(err).write(w)
			defer drain(in.X.r.Body)
			return w.flush()
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "/api/v1/blobs/"+b.CID)
		w.WriteHeader(http.StatusCreated)
		return w.line(b)
	}), nil
}

func (s *Server) store(ctx context.Context, in *putInput) (Blob, error) {
	options := PutOptions{Pin: in.Pin, Name: in.Name}
	if strings.HasPrefix(in.ContentType, tarType) {
		return s.backend.PutTree(ctx, readTar(in.X.r.Body), options)
	}
	return s.backend.PutFile(ctx, in.X.r.Body, options)
}

func (s *Server) getBlob(ctx context.Context, in *openInput) (*huma.StreamResponse, error) {
	if strings.Contains(in.Accept, tarType) {
		return s.answer(&in.X, func(w *responder) error {
			w.Header().Set("Content-Type", tarType)
			return writeTar(w, s.backend.Tree(ctx, in.CID))
		}), nil
	}
	f, b, err := s.backend.OpenFile(ctx, in.CID)
	if err != nil {
		return nil, problem(err)
	}
	return s.answer(&in.X, func(w *responder) error {
		defer f.Close() // read only
		return serveFile(w, in.X.r, b, f)
	}), nil
}

// serveFile answers whole or a range. A browser must not take what anyone has
// stored for a page of the node's. What keeps the first byte from being read is
// told before the answer begins.
func serveFile(w *responder, r *http.Request, b Blob, f io.ReadSeeker) error {
	if err := tryRead(f, rangeStart(r.Header.Get("Range"))); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", b.CID))
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	h.Set("ETag", `"`+b.CID+`"`)
	content := &watched{ReadSeeker: f}
	http.ServeContent(w, r, "", time.Time{}, content)
	return content.err
}

// rangeStart is the first byte that a Range header of one range asks for.
func rangeStart(header string) int64 {
	first, _, _ := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// tryRead reads the byte at an offset, if there is one, and goes back.
func tryRead(f io.ReadSeeker, offset int64) error {
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	if _, err := f.Read(make([]byte, 1)); err != nil && err != io.EOF {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// watched keeps the error that http.ServeContent would swallow.
type watched struct {
	io.ReadSeeker
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}
