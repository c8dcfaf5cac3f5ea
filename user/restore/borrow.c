// SPDX-License-Identifier: GPL-2.0-only
#include "restore/borrow.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "inject/batch.h"
#include "lib/err.h"
#include "restore/restore.h"

/* The task fetches it: that takes neither a socket nor a /proc that shows this process. */
int restore_borrow(struct restore *r, struct new_task *t, struct batch *batch, int fd, int *ret)
{
	__s64 pidfd = -1, there = -1;
	int code;

	batch_call(batch, "looking for crbpf", 0, 0, ENGINE_SUCCESS, 0, &pidfd, SYS_pidfd_open,
		   (const __u64[6]){(__u64)getpid()});
	code = batch_run(batch, r->err);
	if (code)
		return code;
	batch_call(batch, "fetching a descriptor", 0, 0, ENGINE_SUCCESS, 0, &there, SYS_pidfd_getfd,
		   (const __u64[6]){(__u64)pidfd, (__u64)fd});
	batch_do(batch, "closing a pidfd", SYS_close, (__u64)pidfd);
	code = batch_run(batch, r->err);
	*ret = (int)there;
	return code;
}
