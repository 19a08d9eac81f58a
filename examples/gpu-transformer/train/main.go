// Train makes the weights of gpu-transformer: a small language model that learns a text by
// heart, one character a token. It takes about a minute, and on one architecture makes the same
// weights each time.
//
//	go run ./examples/gpu-transformer/train     writes examples/gpu-transformer/weights.bin
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
)

const (
	batch   = 8 // windows of a step
	workers = 2 // that share them; another number adds up in another order
	warmup  = 50
	peak    = 6e-3 // learning rate
)

func main() {
	text := flag.String("text", "examples/gpu-transformer/train/text.txt", "`FILE` to learn")
	out := flag.String("out", "examples/gpu-transformer/weights.bin", "`FILE` to write")
	steps := flag.Int("steps", 1500, "`N` steps")
	flag.Parse()
	if err := train(*text, *out, *steps); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func train(text, out string, steps int) error {
	b, err := os.ReadFile(text)
	if err != nil {
		return err
	}
	alphabet := slices.Compact(slices.Sorted(slices.Values(b)))
	tokens := make([]int, len(b))
	for i, c := range b {
		tokens[i] = slices.Index(alphabet, c)
	}
	if len(tokens) <= context {
		return fmt.Errorf("%s: %d characters are fewer than a window of %d", text, len(tokens), context)
	}
	r := rand.New(rand.NewPCG(1, 2))
	m := newModel(len(alphabet))
	m.random(r)
	t := newTrainer(m)
	for n := range steps {
		loss := t.step(tokens, r, rate(n, steps))
		if n%50 == 0 || n == steps-1 {
			fmt.Printf("step %d: loss %.3f\n", n, loss)
		}
	}
	return m.write(out, alphabet)
}

// rate is the learning rate: up for a while, then down along a cosine.
func rate(n, steps int) float64 {
	if n < warmup {
		return peak * float64(n+1) / warmup
	}
	return peak * (0.01 + 0.99*0.5*(1+math.Cos(math.Pi*float64(n-warmup)/float64(steps-warmup))))
}

// trainer is Adam (Kingma and Ba, 2014).
type trainer struct {
	m, first, second *model
	grads            [workers]*model
	steps            int
}

func newTrainer(m *model) *trainer {
	vocabulary := len(m.tokens) / width
	t := &trainer{m: m, first: newModel(vocabulary), second: newModel(vocabulary)}
	for i := range t.grads {
		t.grads[i] = newModel(vocabulary)
	}
	return t
}

// step learns from a batch of windows.
func (t *trainer) step(tokens []int, r *rand.Rand, rate float64) (loss float64) {
	var starts [batch]int
	for i := range starts {
		starts[i] = r.IntN(len(tokens) - context)
	}
	var losses [workers]float64
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			for i := w; i < batch; i += workers {
				losses[w] += t.m.step(t.grads[w], tokens[starts[i]:][:context], tokens[starts[i]+1:][:context]) / batch
			}
		})
	}
	done.Wait()
	t.update(rate)
	for _, l := range losses {
		loss += l
	}
	return loss
}

func (t *trainer) update(rate float64) {
	const beta1, beta2 = 0.9, 0.98
	t.steps++
	correct1, correct2 := 1-math.Pow(beta1, float64(t.steps)), 1-math.Pow(beta2, float64(t.steps))
	first, second := t.first.all(), t.second.all()
	var grads [workers][][]float32
	for i, g := range t.grads {
		grads[i] = g.all()
	}
	for i, w := range t.m.all() {
		for j := range w {
			var g float64
			for _, grad := range grads {
				g += float64(grad[i][j]) / batch
			}
			first[i][j] = float32(beta1*float64(first[i][j]) + (1-beta1)*g)
			second[i][j] = float32(beta2*float64(second[i][j]) + (1-beta2)*g*g)
			w[j] -= float32(rate * float64(first[i][j]) / correct1 / (math.Sqrt(float64(second[i][j])/correct2) + 1e-8))
		}
	}
	for _, grad := range grads {
		for _, g := range grad {
			clear(g)
		}
	}
}

// write writes the shape, the alphabet and the weights, little-endian.
func (m *model) write(name string, alphabet []byte) error {
	b := []byte("GWTF")
	for _, n := range []uint32{width, layers, heads, context, uint32(len(alphabet))} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = append(b, alphabet...)
	for _, w := range m.all() {
		for _, v := range w {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return os.WriteFile(name, b, 0o644)
}
