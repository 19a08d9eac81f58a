package main

import "math"

// multiply adds a times b, m by k by n, to c.
func multiply(c, a, b []float32, m, k, n int) {
	for i := range m {
		row := c[i*n:][:n]
		for p, v := range a[i*k:][:k] {
			for j, w := range b[p*n:][:n] {
				row[j] += v * w
			}
		}
	}
}

// multiplyBack adds to da and db the gradients of a and b, given that of their product.
func multiplyBack(dc, a, b, da, db []float32, m, k, n int) {
	for i := range m {
		row := dc[i*n:][:n]
		for p := range k {
			v, by, to := a[i*k+p], b[p*n:][:n], db[p*n:][:n]
			var sum float32
			for j, d := range row {
				sum += d * by[j]
				to[j] += v * d
			}
			da[i*k+p] += sum
		}
	}
}

func add(to, from []float32) {
	for i, v := range from {
		to[i] += v
	}
}

const epsilon = 1e-5

func layerNorm(x, gamma, beta []float32) ([]float32, norm) {
	n := norm{make([]float32, len(x)), make([]float32, len(x)/width)}
	y := make([]float32, len(x))
	for r := range n.scale {
		row := x[r*width:][:width]
		var mean, variance float32
		for _, v := range row {
			mean += v / width
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / width
		}
		n.scale[r] = float32(1 / math.Sqrt(float64(variance)+epsilon))
		for i, v := range row {
			n.hat[r*width+i] = (v - mean) * n.scale[r]
			y[r*width+i] = n.hat[r*width+i]*gamma[i] + beta[i]
		}
	}
	return y, n
}

// back is the gradient of what was normed.
func (n norm) back(dy, gamma, dgamma, dbeta []float32) []float32 {
	dx := make([]float32, len(dy))
	for r, scale := range n.scale {
		hat, d := n.hat[r*width:][:width], dy[r*width:][:width]
		var mean, along float32
		for i, v := range d {
			dgamma[i] += v * hat[i]
			dbeta[i] += v
			mean += v * gamma[i] / width
			along += v * gamma[i] * hat[i] / width
		}
		for i, v := range d {
			dx[r*width+i] = scale * (v*gamma[i] - mean - hat[i]*along)
		}
	}
	return dx
}

// scale of products of queries and keys.
var scale = float32(1 / math.Sqrt(head))

// attend is causal attention: its weights, head by row by column, and what they gather.
func attend(qkv []float32, t int) (attention, out []float32) {
	attention, out = make([]float32, heads*t*t), make([]float32, t*width)
	for h := range heads {
		for i := range t {
			row := attention[(h*t+i)*t:][:i+1]
			q := qkv[i*3*width+h*head:][:head]
			for j := range row {
				row[j] = scale * dot(q, qkv[j*3*width+width+h*head:][:head])
			}
			softmax(row)
			to := out[i*width+h*head:][:head]
			for j, p := range row {
				for c, v := range qkv[j*3*width+2*width+h*head:][:head] {
					to[c] += p * v
				}
			}
		}
	}
	return attention, out
}

func attendBack(qkv, attention, dout []float32, t int) []float32 {
	d := make([]float32, len(qkv))
	dp := make([]float32, t)
	for h := range heads {
		for i := range t {
			row, from := attention[(h*t+i)*t:][:i+1], dout[i*width+h*head:][:head]
			var sum float32
			for j, p := range row {
				v := j*3*width + 2*width + h*head
				dp[j] = dot(from, qkv[v:][:head])
				sum += p * dp[j]
				for c := range head {
					d[v+c] += p * from[c]
				}
			}
			for j, p := range row {
				by, q, k := scale*p*(dp[j]-sum), i*3*width+h*head, j*3*width+width+h*head
				for c := range head {
					d[q+c] += by * qkv[k+c]
					d[k+c] += by * qkv[q+c]
				}
			}
		}
	}
	return d
}

func dot(a, b []float32) (sum float32) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func softmax(row []float32) {
	top, sum := row[0], float32(0)
	for _, v := range row {
		top = max(top, v)
	}
	for i, v := range row {
		row[i] = float32(math.Exp(float64(v - top)))
		sum += row[i]
	}
	for i := range row {
		row[i] /= sum
	}
}

// crossEntropy is the mean loss in nats, and its gradient.
func crossEntropy(logits []float32, want []int, vocabulary int) (loss float64, d []float32) {
	d = logits
	for i, w := range want {
		row := d[i*vocabulary:][:vocabulary]
		softmax(row)
		loss -= math.Log(float64(row[w])) / float64(len(want))
		row[w]--
		for j := range row {
			row[j] /= float32(len(want))
		}
	}
	return loss, d
}
