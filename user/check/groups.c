// SPDX-License-Identifier: GPL-2.0-only
#include "check/groups.h"

const struct probe_group *const probe_groups[] = {
	&probes_caller,	   &probes_bpf,	    &probes_ptrace,  &probes_restore,
	&probes_memory,	   &probes_files,   &probes_namespaces, &probes_network,
	&probes_cgroup,	   &probes_security, &probes_cpu,    NULL,
};
