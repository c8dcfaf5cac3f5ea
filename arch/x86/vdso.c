// SPDX-License-Identifier: GPL-2.0-only
#include <asm/prctl.h>
#include <errno.h>
#include <string.h>
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

static void add(struct arch_code *code, const void *bytes, size_t n)
{
	memcpy(code->bytes + code->size, bytes, n);
	code->size += n;
}

void arch_vdso_jump(struct arch_code *ret, __s64 distance)
{
	__s32 rest;

	ret->size = 0;
	add(ret, "\xe9", 1); /* jmp rel32: from its end */
	rest = (__s32)(distance - 5);
	add(ret, &rest, sizeof(rest));
}

void arch_vdso_far_jump(struct arch_code *ret, __u64 to)
{
	ret->size = 0;
	add(ret, "\xff\x25\0\0\0\0", 6); /* jmp *0(%rip) */
	add(ret, &to, sizeof(to));
}

bool arch_vdso_system_call(struct arch_code *ret, const char *name)
{
	static const struct {
		const char *name;
		__u32 nr;
	} calls[] = {
		{"__vdso_clock_gettime", SYS_clock_gettime},
		{"__vdso_clock_getres", SYS_clock_getres},
		{"__vdso_gettimeofday", SYS_gettimeofday},
		{"__vdso_time", SYS_time},
		{"__vdso_getcpu", SYS_getcpu},
		{"__vdso_getrandom", SYS_getrandom},
	};

	ret->size = 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, name))
			continue;
		/* getrandom(…, ~0) asks for the size of a state: cmp $-1,%r8; jne; mov
		 * $-ENOSYS,%rax; ret */
		if (calls[i].nr == SYS_getrandom)
			add(ret, "\x49\x83\xf8\xff\x75\x08\x48\xc7\xc0\xda\xff\xff\xff\xc3", 14);
		add(ret, "\xb8", 1); /* mov $nr,%eax; syscall; ret */
		add(ret, &calls[i].nr, sizeof(calls[i].nr));
		add(ret, "\x0f\x05\xc3", 3);
		return true;
	}
	return false;
}
