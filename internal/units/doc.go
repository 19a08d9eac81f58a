// Package units reads and writes quantities as people do: sizes as 512Mi,
// counts as 1,234,567.
//
// # Glossary
//
//   - binary unit: Ki, Mi, Gi, Ti, Pi are powers of 1024 (IEC 80000-13).
//   - decimal unit: k, M, G, T, P are powers of 1000.
//
// # Invariants
//
//   - ParseSize(s.String()) is s, for every Size s.
//   - A size that does not fit 64 bits is an error, never another size.
package units
