/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_NSFD_H
#define CRBPF_BPF_NSFD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

struct nsfd_detail {
	__u32 inum;		/* inode number: as in /proc/PID/ns */
	__u32 reserved;
	char name[16];		/* "net", "mnt" … as in /proc/PID/ns */
};

#endif
