// Package trust reads how far nodes are trusted. It is pure.
//
// A table is TOML. Each number is from 0, not at all, to 1, entirely:
//
//	default = 0.5 # of whom nothing else is said; 0.5 if this is left out
//
//	[groups.partners]
//	trust = 0.8
//	members = ["12D3KooWCCVJ...", "12D3KooWHk2a..."]
//
//	[peers]
//	"12D3KooWHk2a..." = 0.95
//
// What is said of a node itself goes over what is said of its groups; of several
// groups the least counts.
//
// # What trust does
//
// A node that is trusted less than 0.3 gets no tasks of this node's: its submitter
// refuses it (scheduler/placement). One that is trusted less than 0.1 cannot have its
// tasks run here: this node's executor refuses them (scheduler). In between, trust is
// a term of the score. Health, which is learned, never replaces trust, which is given.
package trust
