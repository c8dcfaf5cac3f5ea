/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_EVENTFD_H
#define CRBPF_BPF_EVENTFD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

struct eventfd_detail {
	__u64 count;
	__u32 flags;		/* EFD_SEMAPHORE 1, O_CLOEXEC, O_NONBLOCK as given to eventfd2 */
	__u32 id;		/* as in fdinfo */
	__u32 holders;		/* its file, and each that is to tell of something by it */
	__u32 padding;
};

#endif
