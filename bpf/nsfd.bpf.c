// SPDX-License-Identifier: GPL-2.0-only
/* Namespaces held open: /proc/PID/ns/net and its like. */

#include "file.h"
#include "nsfd.h"

#define NSFS_MAGIC 0x6e736673

int nsfd_detail(void)
{
	struct nsfd_detail *d = detail_room(struct nsfd_detail);
	struct ns_common *ns = (struct ns_common *)file_now.record.i_private;

	if (file_now.record.s_magic != NSFS_MAGIC || !ns)
		return 0;
	clear(d);
	d->inum = BPF_CORE_READ(ns, inum);
	bpf_probe_read_kernel_str(d->name, sizeof(d->name), BPF_CORE_READ(ns, ops, name));
	return detail_done(DETAIL_NSFD, sizeof(*d));
}
