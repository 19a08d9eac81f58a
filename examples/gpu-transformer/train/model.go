package main

import (
	"math"
	"math/rand/v2"
)

// The shape of the model: as small as remembers a few verses.
const (
	width   = 32 // of a token's vector
	layers  = 2
	heads   = 4
	context = 48 // tokens
	hidden  = 4 * width
	head    = width / heads
)

// layer are the weights of one layer, row-major, input by output.
type layer struct {
	gamma1, beta1, qkv, proj []float32
	gamma2, beta2, up, down  []float32
}

// model are all weights; gradients have the same form.
type model struct {
	tokens, positions  []float32
	layers             [layers]layer
	gamma, beta, logit []float32
}

func newModel(vocabulary int) *model {
	m := &model{
		tokens: make([]float32, vocabulary*width), positions: make([]float32, context*width),
		gamma: make([]float32, width), beta: make([]float32, width), logit: make([]float32, width*vocabulary),
	}
	for i := range m.layers {
		m.layers[i] = layer{
			make([]float32, width), make([]float32, width), make([]float32, width*3*width), make([]float32, width*width),
			make([]float32, width), make([]float32, width), make([]float32, width*hidden), make([]float32, hidden*width),
		}
	}
	return m
}

// all are the weights in the order of the file.
func (m *model) all() [][]float32 {
	list := [][]float32{m.tokens, m.positions}
	for i := range m.layers {
		l := &m.layers[i]
		list = append(list, l.gamma1, l.beta1, l.qkv, l.proj, l.gamma2, l.beta2, l.up, l.down)
	}
	return append(list, m.gamma, m.beta, m.logit)
}

// random makes weights to begin with.
func (m *model) random(r *rand.Rand) {
	normal := func(w []float32, scale float64) {
		for i := range w {
			w[i] = float32(r.NormFloat64() * scale)
		}
	}
	ones := func(w []float32) {
		for i := range w {
			w[i] = 1
		}
	}
	normal(m.tokens, 0.1)
	normal(m.positions, 0.1)
	for i := range m.layers {
		l := &m.layers[i]
		ones(l.gamma1)
		ones(l.gamma2)
		normal(l.qkv, 1/math.Sqrt(width))
		normal(l.proj, 0.5/math.Sqrt(width))
		normal(l.up, math.Sqrt(2.0/width))
		normal(l.down, 0.5/math.Sqrt(hidden))
	}
	ones(m.gamma)
	normal(m.logit, 0.2/math.Sqrt(width))
}

// trace is what the way forward leaves for the way back.
type trace struct {
	layers [layers]struct {
		norm1, norm2            norm
		h1, qkv, attention, att []float32
		h2, up                  []float32
	}
	last norm
	h    []float32
}

// norm is a layer norm: what was normed, and by how much.
type norm struct{ hat, scale []float32 }

// step adds to grad what a window of text teaches, and returns the mean loss in nats.
func (m *model) step(grad *model, in, want []int) float64 {
	t, vocabulary := len(in), len(m.tokens)/width
	var tr trace
	x := make([]float32, t*width)
	for i, token := range in {
		for j := range width {
			x[i*width+j] = m.tokens[token*width+j] + m.positions[i*width+j]
		}
	}
	for n := range m.layers {
		m.forward(n, &tr, x, t)
	}
	tr.h, tr.last = layerNorm(x, m.gamma, m.beta)
	logits := make([]float32, t*vocabulary)
	multiply(logits, tr.h, m.logit, t, width, vocabulary)
	loss, dlogits := crossEntropy(logits, want, vocabulary)

	dh := make([]float32, t*width)
	multiplyBack(dlogits, tr.h, m.logit, dh, grad.logit, t, width, vocabulary)
	dx := tr.last.back(dh, m.gamma, grad.gamma, grad.beta)
	for n := layers - 1; n >= 0; n-- {
		dx = m.backward(n, &tr, grad, dx, t)
	}
	for i, token := range in {
		for j := range width {
			grad.tokens[token*width+j] += dx[i*width+j]
			grad.positions[i*width+j] += dx[i*width+j]
		}
	}
	return loss
}

// forward adds what layer n makes of x to it.
func (m *model) forward(n int, tr *trace, x []float32, t int) {
	l, s := &m.layers[n], &tr.layers[n]
	s.h1, s.norm1 = layerNorm(x, l.gamma1, l.beta1)
	s.qkv = make([]float32, t*3*width)
	multiply(s.qkv, s.h1, l.qkv, t, width, 3*width)
	s.attention, s.att = attend(s.qkv, t)
	multiply(x, s.att, l.proj, t, width, width)
	s.h2, s.norm2 = layerNorm(x, l.gamma2, l.beta2)
	s.up = make([]float32, t*hidden)
	multiply(s.up, s.h2, l.up, t, width, hidden)
	for i, v := range s.up {
		s.up[i] = max(v, 0)
	}
	multiply(x, s.up, l.down, t, hidden, width)
}

// backward is the gradient of the layer's input, given that of its output.
func (m *model) backward(n int, tr *trace, grad *model, dx []float32, t int) []float32 {
	l, g, s := &m.layers[n], &grad.layers[n], &tr.layers[n]
	dup := make([]float32, t*hidden)
	multiplyBack(dx, s.up, l.down, dup, g.down, t, hidden, width)
	for i, v := range s.up {
		if v == 0 {
			dup[i] = 0
		}
	}
	dh := make([]float32, t*width)
	multiplyBack(dup, s.h2, l.up, dh, g.up, t, width, hidden)
	add(dx, s.norm2.back(dh, l.gamma2, g.gamma2, g.beta2))

	datt := make([]float32, t*width)
	multiplyBack(dx, s.att, l.proj, datt, g.proj, t, width, width)
	dqkv := attendBack(s.qkv, s.attention, datt, t)
	dh = make([]float32, t*width)
	multiplyBack(dqkv, s.h1, l.qkv, dh, g.qkv, t, width, 3*width)
	add(dx, s.norm1.back(dh, l.gamma1, g.gamma1, g.beta1))
	return dx
}
