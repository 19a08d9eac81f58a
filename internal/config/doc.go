// Package config reads a node's configuration: a TOML file, then GODWIT_*
// variables, then flags, each over the one before.
//
// # Glossary
//
//   - key: the dotted name of a setting, such as scheduler.retry.max_attempts.
//     Its variable is GODWIT_SCHEDULER_RETRY_MAX_ATTEMPTS.
//   - unit: what a bare number counts; times and sizes may also be written with
//     one, as "30s" and "10MB".
//
// # Invariants
//
//   - A key is named once, in the tag of its field in [Config]: file, variables
//     and flags all go through it.
//   - Every key is optional. An unknown one is an error that names its line.
//   - Secrets do not appear in errors.
//
// # Example
//
//	cfg, warnings, err := config.Load("godwit.toml", os.Environ())
package config
