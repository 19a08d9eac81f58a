package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// PutFile stores what r has as a file.
func (c *Client) PutFile(ctx context.Context, r io.Reader, o PutOptions) (Blob, error) {
	return c.put(ctx, r, "application/octet-stream", o)
}

// PutTree stores a folder.
func (c *Client) PutTree(ctx context.Context, entries iter.Seq2[TreeEntry, error], o PutOptions) (Blob, error) {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := writeTar(w, entries)
		w.CloseWithError(err)
		written <- err
	}()
	b, err := c.put(ctx, r, tarType, o)
	r.CloseWithError(io.ErrClosedPipe) // ends the writer, if the node did not want it all
	if werr := <-written; werr != nil && werr != io.ErrClosedPipe && ctx.Err() == nil {
		return b, werr
	}
	return b, err
}

func (c *Client) put(ctx context.Context, r io.Reader, contentType string, o PutOptions) (b Blob, err error) {
	q := url.Values{"pin": {strconv.FormatBool(o.Pin)}}
	if o.Name != "" {
		q.Set("name", o.Name)
	}
	resp, err := c.send(ctx, call{method: http.MethodPost, path: at("blobs"), query: q,
		header: http.Header{"Content-Type": {contentType}}, body: io.NopCloser(r)})
	if err != nil {
		return b, err
	}
	defer resp.Body.Close() // read only
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&b); err != nil {
		return b, fmt.Errorf("answer of %s: %w", c.base.Host, err)
	}
	return b, nil
}

// OpenFile reads a file. size is its bytes, -1 if unknown. A stream that breaks
// off is taken up again where it was; what keeps it from going on is the error.
func (c *Client) OpenFile(ctx context.Context, cid string) (f io.ReadCloser, size int64, err error) {
	d := &download{client: c, ctx: ctx, cid: cid}
	if size, err = d.open(); err != nil {
		return nil, 0, err
	}
	return d, size, nil
}

// download is a file on its way here.
type download struct {
	client *Client
	ctx    context.Context
	cid    string
	body   io.ReadCloser
	at     int64 // bytes that came
	opened int64 // what at was when body was opened
}

func (d *download) open() (size int64, err error) {
	k := call{method: http.MethodGet, path: at("blobs", d.cid)}
	if d.at > 0 {
		k.header = http.Header{"Range": {fmt.Sprintf("bytes=%d-", d.at)}}
	}
	resp, err := d.client.send(d.ctx, k)
	if err != nil {
		return 0, err
	}
	if d.at > 0 && resp.StatusCode != http.StatusPartialContent {
		resp.Body.Close() // read only
		return 0, fmt.Errorf("%w: the node does not go on where it was", ErrInterrupted)
	}
	d.body, d.opened = &body{resp.Body, d.ctx}, d.at
	return resp.ContentLength, nil
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.at += int64(n)
		if n > 0 || !errors.Is(err, ErrInterrupted) || d.at == d.opened {
			return n, err
		}
		d.body.Close() // read only
		if _, err := d.open(); err != nil {
			return 0, err
		}
	}
}

// Close implements io.Closer.
func (d *download) Close() error { return d.body.Close() }

// Tree reads what a folder holds.
func (c *Client) Tree(ctx context.Context, cid string) iter.Seq2[TreeEntry, error] {
	return func(yield func(TreeEntry, error) bool) {
		resp, err := c.send(ctx, call{method: http.MethodGet, path: at("blobs", cid), header: http.Header{"Accept": {tarType}}})
		if err != nil {
			yield(TreeEntry{}, err)
			return
		}
		defer resp.Body.Close() // read only
		for e, err := range readTar(&body{resp.Body, ctx}) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// body is the body of an answer, with errors that say so.
type body struct {
	io.ReadCloser
	ctx context.Context
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = streamError(b.ctx, err)
	}
	return n, err
}

// Stat describes a blob.
func (c *Client) Stat(ctx context.Context, cid string, local bool) (b Blob, err error) {
	k := call{method: http.MethodGet, path: at("blobs", cid, "stat"), query: url.Values{"local": {strconv.FormatBool(local)}}}
	return b, c.ask(ctx, k, nil, &b)
}

// Blobs lists the node's pinned blobs.
func (c *Client) Blobs(ctx context.Context) ([]Blob, error) {
	var list BlobList
	err := c.ask(ctx, call{method: http.MethodGet, path: at("blobs")}, nil, &list)
	return list.Blobs, err
}

// Pin fetches a blob whole and keeps it.
func (c *Client) Pin(ctx context.Context, cid string) (b Blob, err error) {
	return b, c.ask(ctx, call{method: http.MethodPut, path: at("blobs", cid, "pin")}, nil, &b)
}

// Unpin leaves a blob to the collector.
func (c *Client) Unpin(ctx context.Context, cid string) (b Blob, err error) {
	return b, c.ask(ctx, call{method: http.MethodDelete, path: at("blobs", cid, "pin")}, nil, &b)
}
