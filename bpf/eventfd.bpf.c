// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"
#include "eventfd.h"

int eventfd_detail(void)
{
	struct eventfd_detail *d = detail_room(struct eventfd_detail);
	struct eventfd_ctx *ctx = (struct eventfd_ctx *)file_now.record.private_data;

	if (!is_anon("eventfd"))
		return 0;
	clear(d);
	d->count = BPF_CORE_READ(ctx, count);
	d->flags = BPF_CORE_READ(ctx, flags);
	d->id = BPF_CORE_READ(ctx, id);
	d->holders = BPF_CORE_READ((struct eventfd_ctx___held *)ctx, kref.refcount.refs.counter);
	return detail_done(DETAIL_EVENTFD, sizeof(*d));
}
