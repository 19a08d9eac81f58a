// Package placement ranks nodes for a task and says why: which term of a score
// made a node first, or what put it out of the question. It is pure.
package placement
