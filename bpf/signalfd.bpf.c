// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"
#include "signalfd.h"

int signalfd_detail(void)
{
	struct signalfd_detail *d = detail_room(struct signalfd_detail);
	struct signalfd_ctx *ctx = (struct signalfd_ctx *)file_now.record.private_data;

	if (!is_anon("signalfd"))
		return 0;
	d->mask = ~BPF_CORE_READ(ctx, sigmask.sig[0]); /* kept as the signals not taken */
	return detail_done(DETAIL_SIGNALFD, sizeof(*d));
}
