// Package render prints what a command found: as a table for people, as JSON
// or YAML for programs.
//
// # Invariants
//
//   - JSON and YAML hold the same data under the same names in the same order:
//     those of encoding/json.
//   - [Printable] text cannot move the cursor, set colours or break a line,
//     whatever name a hostile module chose for its exports.
//
// # Why not a YAML library
//
// The usual one compiles regular expressions and fills tables when a process
// starts, which every `godwit run` would pay for. JSON is all but YAML already:
// this package only turns its brackets into indentation. The tests read the
// output back with the usual library.
package render
