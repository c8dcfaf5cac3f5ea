/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CHECK_GROUPS_H
#define CRBPF_CHECK_GROUPS_H

/* The groups of probes; a file each. */

#include "check/check.h"

extern const struct probe_group probes_bpf;
extern const struct probe_group probes_caller;
extern const struct probe_group probes_cgroup;
extern const struct probe_group probes_cpu;
extern const struct probe_group probes_files;
extern const struct probe_group probes_memory;
extern const struct probe_group probes_namespaces;
extern const struct probe_group probes_network;
extern const struct probe_group probes_ptrace;
extern const struct probe_group probes_restore;
extern const struct probe_group probes_security;

#endif
