/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_SIGNALFD_H
#define CRBPF_BPF_SIGNALFD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

struct signalfd_detail {
	__u64 mask;		/* bit n - 1: takes signal n */
};

#endif
