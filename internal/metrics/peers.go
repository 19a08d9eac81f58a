package metrics

import "github.com/prometheus/client_golang/prometheus"

// peerSeries is what the failure detector believed.
type peerSeries struct {
	suspicions, deaths prometheus.Counter
}

func (s *Set) peerMetrics() {
	s.peers = peerSeries{
		suspicions: s.counter("peer_suspicions_total", "Times that a node which shares work was suspected to have failed."),
		deaths:     s.counter("peer_deaths_total", "Times that a node which shares work was believed dead, or started again."),
	}
}

// PeerSuspected counts a suspicion.
func (s *Set) PeerSuspected() { s.peers.suspicions.Inc() }

// PeerDied counts a death that is believed in.
func (s *Set) PeerDied() { s.peers.deaths.Inc() }
