// Package layout holds the tests that keep the module's own rules: who may
// import whom, which packages stay pure, and that everything builds without
// cgo on every supported platform. It has no code of its own.
//
// # Invariants
//
//   - Imports run one way, down the list of layers in the test.
//   - A heavy dependency stays behind its fence, so that the parts which do
//     not need it can be embedded without it.
package layout
