package detect

import "time"

// rtt estimates the round trip to a node as TCP does (RFC 6298).
type rtt struct {
	smooth, varies time.Duration
}

func (r *rtt) sample(d time.Duration) {
	if r.smooth == 0 {
		r.smooth, r.varies = max(d, 1), d/2
		return
	}
	r.varies += ((r.smooth - d).Abs() - r.varies) / 4
	r.smooth += (d - r.smooth) / 8
}

// timeout is how long an answer may take; a quarter of most until there was one.
func (r *rtt) timeout(least, most time.Duration) time.Duration {
	if r.smooth == 0 {
		return max(least, most/4)
	}
	return min(max(r.smooth+4*r.varies, least), most)
}
