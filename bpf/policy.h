/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_POLICY_H
#define CRBPF_BPF_POLICY_H

/* For the programs alone: reads a NUMA policy, of a task or a mapping. */

#include "common.h"
#include "flavour.h"

#define POLICY_USER_FLAGS  0xe000 /* what set_mempolicy(2) takes: the rest is the kernel's own */
#define POLICY_LOCAL       4      /* MPOL_LOCAL: no nodes, the kernel leaves garbage there */
#define POLICY_USERS_NODES 0xc000 /* static and relative nodes: the mask is kept as it was given   \
				   */

/* Masks are read here: a field may be larger than the record's. Not static, as every global. */
extern __u64 policy_nodes[16];

static __always_inline void read_policy(const struct mempolicy *from, struct record_policy *r)
{
	struct mempolicy___numa *policy = (void *)from;
	__u32 flags, i;
	__u64 more = 0;

	if (!policy || !bpf_core_type_exists(struct mempolicy___numa))
		return;
	flags = BPF_CORE_READ(policy, flags);
	r->is_set = 1;
	r->mode = BPF_CORE_READ(policy, mode) | (flags & POLICY_USER_FLAGS);
	r->home = -1;
	if (bpf_core_field_exists(policy->home_node))
		r->home = BPF_CORE_READ(policy, home_node);
	if ((r->mode & ~POLICY_USER_FLAGS) == POLICY_LOCAL)
		return;
	clear(&policy_nodes);
	if (flags & POLICY_USERS_NODES)
		copy_field(policy_nodes, sizeof(policy_nodes), policy->w.user_nodemask);
	else
		copy_field(policy_nodes, sizeof(policy_nodes), policy->nodes);
	r->nodes = policy_nodes[0];
	/* one branch, not one for each word: a verifier of 6.1 walks all their combinations */
	for (i = 1; i < 16; i++)
		more |= policy_nodes[i];
	r->has_more_nodes = more != 0;
}

#endif
