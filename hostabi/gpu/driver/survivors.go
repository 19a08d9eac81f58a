package driver

import "sync"

// survivors are the labels of sessions whose driver process went away under them. One of them may have
// crashed it, which is not always known, and will do it again when it is tried again. So each that
// comes back gets a process of its own: then it is known who it was, and no other suffers twice.
type survivors struct {
	mu     sync.Mutex
	labels map[string]bool
}

// maxSurvivors is how many are remembered. If there are more all are forgotten: that costs them another
// try, no more.
const maxSurvivors = 1024

// maxAlone is how many processes there are for survivors at once. Those that come when there are more
// share one.
const maxAlone = 8

func (s *survivors) add(label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.labels == nil || len(s.labels) >= maxSurvivors {
		s.labels = map[string]bool{}
	}
	if label != "" {
		s.labels[label] = true
	}
}

func (s *survivors) has(label string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.labels[label]
}

// forget is for one that has done well.
func (s *survivors) forget(label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.labels, label)
}
