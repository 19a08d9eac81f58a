// Package checkpoint is the format of checkpoints: from them a task or actor
// continues on any machine.
package checkpoint
