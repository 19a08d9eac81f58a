// Godwit runs WebAssembly modules under exact fuel and hard limits, here or on a
// mesh of nodes.
//
// # How the command is made
//
// One file a noun: run.go, module.go, version.go hold the commands, each a
// function that returns a *cobra.Command. The parts of `run` are beside it:
// load.go reads the module, inputs.go and outputs.go face the host's files,
// streams.go and signals.go what comes from outside while the guest runs,
// report.go and summary.go what is said at the end. run_state.go keeps an instance between calls
// in a folder. run_file.go keeps a run in a file while it goes on: run_kept.go prepares such
// a run, run_spec.go is what the file says of it, run_release.go holds its output back until it
// is kept, run_stdin.go passes over what it had read, run_end.go is its end.
//
// node.go, task.go, blob.go and model.go hold what asks a node. remote.go finds it
// and session.go is a command while it asks; guest.go has the flags that `run` and
// `task submit` share. task_follow.go is a task from its submission to its end,
// task_end.go what that end is to a caller. actor*.go hold the commands about actors:
// actor_message.go what talks to one, actor_move.go what moves or changes one. demo*.go
// start nodes of their own.
//
// checkpoint.go opens the folder of checkpoints and checkpoint_find.go what is
// meant by a name; each command about them has a file beside these. doctor.go
// collects the sections of `doctor`, each a function that returns checks: another
// is one line in doctorSections.
//
// Invariants:
//
//   - Data goes to stdout, people's words to stderr.
//   - Every way to end has its exit code in exit.go, and nowhere else.
//   - Nothing is created (a directory, a report) before the module is known to run,
//     but for the report of its failure.
//   - Names from a guest are made printable before a terminal sees them.
//   - No package does work in init that a run would have to wait for.
package main
