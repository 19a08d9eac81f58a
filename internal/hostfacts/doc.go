// Package hostfacts finds out what this machine has and how much of it this
// process may use.
//
// # Glossary
//
//   - cgroup: the group of processes that the kernel bounds together, as
//     containers and systemd units are. A bound of any group above ours holds for
//     us too.
//   - quota: how much processor time a cgroup gets in each period. 150 ms in each
//     100 ms are one and a half cores.
//
// # Invariants
//
//   - What is reported is never more than any bound that was found, and never
//     negative.
//   - Where the kernel tells nothing (no cgroups, another system) the machine's own
//     figures count.
//
// Both versions of cgroups are read as their files are documented:
// https://docs.kernel.org/admin-guide/cgroup-v2.html and
// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
package hostfacts
