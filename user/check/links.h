/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CHECK_LINKS_H
#define CRBPF_CHECK_LINKS_H

/* Probes of the group network that speak netlink, or make devices. */

#include "check/check.h"

typedef void probe_function(const struct check *c, const struct probe *p, struct answer *a);

probe_function probe_diag, probe_conntrack, probe_nsid, probe_link_nsid, probe_new_ifindex,
	probe_tun, probe_tun_namespace;

#endif
