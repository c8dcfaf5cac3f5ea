// SPDX-License-Identifier: GPL-2.0-only
#include <asm/prctl.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "inject/batch.h"
#include "lib/err.h"

#ifndef ARCH_MAP_VDSO_64
#define ARCH_MAP_VDSO_64 0x2003
#endif

static bool is_same(const struct vdso *a, const struct vdso *b)
{
	return a->vvar == b->vvar && a->text == b->text;
}

/*
 * The kernel maps a second vDSO on request, once the first is gone: one call for
 * all of its parts, which by now are three. It takes the address for a hint, and
 * tells the size of the text but not the place; hence the last call, which must
 * find the text's place taken.
 */
int arch_vdso_move(struct batch *batch, const struct vdso *from, const struct vdso *to,
		   struct error *err)
{
	int code;

	if (from->vvar_size != to->vvar_size || from->text_size != to->text_size ||
	    from->vvar + from->vvar_size != from->text || to->vvar + to->vvar_size != to->text)
		return fail(err, EOPNOTSUPP, "the vDSO of the image is not that of this kernel");
	if (is_same(from, to))
		return 0;

	code = batch_call(batch, "unmapping the vDSO at %llx", from->vvar, 0, ENGINE_SUCCESS, 0,
			  NULL, SYS_munmap,
			  (const __u64[6]){from->vvar, from->vvar_size + from->text_size});
	if (code == 0)
		code = batch_call(batch, "mapping the vDSO at %llx", to->vvar, 0, ENGINE_SUCCESS, 0,
				  NULL, SYS_arch_prctl,
				  (const __u64[6]){ARCH_MAP_VDSO_64, to->vvar});
	if (code == 0)
		code = batch_call(
			batch, "finding the vDSO at %llx", to->text, 0, ENGINE_DEMAND, -EEXIST,
			NULL, SYS_mmap,
			(const __u64[6]){to->text, to->text_size, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
					 (__u64)-1, 0});
	/* An earlier call has failed: the batch knows which. */
	return code < 0 ? batch_run(batch, err) : 0;
}
