// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "inject/batch.h"
#include "lib/err.h"

static bool overlaps(__u64 a, __u64 b, __u64 size)
{
	return a < b + size && b < a + size;
}

static int move(struct batch *batch, const char *what, __u64 from, __u64 to, __u64 size)
{
	if (!size || from == to)
		return 0;
	return batch_call(batch, what, from, to, ENGINE_DEMAND, (__s64)to, NULL, SYS_mremap,
			  (const __u64[6]){from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to});
}

/* Data before text: the kernel takes the new place of the text (sigreturn) for that of the vDSO. */
static int move_both(struct batch *batch, const struct vdso *from, const struct vdso *to)
{
	int code = move(batch, "moving the vDSO's data from %llx to %llx", from->vvar, to->vvar,
			from->vvar_size);

	if (code == 0)
		code = move(batch, "moving the vDSO from %llx to %llx", from->text, to->text,
			    from->text_size);
	return code;
}

/* mremap refuses to move a mapping onto itself: by way of a place that the kernel chooses. */
static int move_aside(struct batch *batch, struct vdso *now, struct error *err)
{
	struct vdso aside = *now;
	__s64 hole = 0;
	int code = batch_call(batch, "finding room for the vDSO", 0, 0, ENGINE_SUCCESS, 0, &hole,
			      SYS_mmap,
			      (const __u64[6]){0, now->vvar_size + now->text_size, PROT_NONE,
					       MAP_PRIVATE | MAP_ANONYMOUS, (__u64)-1, 0});

	if (code == 0)
		code = batch_run(batch, err);
	if (code < 0)
		return code;
	aside.vvar = (__u64)hole;
	aside.text = aside.vvar + aside.vvar_size;
	code = move_both(batch, now, &aside);
	*now = aside;
	return code;
}

int arch_vdso_move(struct batch *batch, const struct vdso *from, const struct vdso *to,
		   struct error *err)
{
	struct vdso now = *from;
	__u64 size = from->vvar_size + from->text_size;
	int code = 0;

	if (from->vvar_size != to->vvar_size || from->text_size != to->text_size ||
	    from->vvar + from->vvar_size != from->text || to->vvar + to->vvar_size != to->text)
		return fail(err, EOPNOTSUPP, "the vDSO of the image is not that of this kernel");
	if (from->vvar == to->vvar)
		return 0;
	if (overlaps(from->vvar, to->vvar, size))
		code = move_aside(batch, &now, err);
	if (code == 0)
		code = move_both(batch, &now, to);
	/* An earlier call has failed: the batch knows which. */
	return code < 0 ? batch_run(batch, err) : 0;
}
