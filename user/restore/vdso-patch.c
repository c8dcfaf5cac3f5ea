// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function of the old vDSO becomes a jump, as short as the processor has one: what
 * follows it stays, for a signal handler may return to there. The jump leads behind
 * the old vDSO's content, where there is room for one that reaches anywhere.
 *
 * One gap is left on x86, where that jump has five bytes: who was interrupted by a signal
 * behind the first instruction of such a function, but within those bytes, and was dumped
 * while the handler ran, returns into the middle of the jump, and crashes. Whether it will
 * return at all, and to where, only the handler's frame tells, which nobody can find for
 * sure. On ARM64 the jump is one instruction, so that there is no middle.
 */
#include <errno.h>
#include <string.h>

#include "lib/err.h"
#include "restore/vdso-elf.h"
#include "restore/vdso.h"

#define SIGRETURN "sigreturn"

static int add_patch(struct old_vdso *old, uint64_t at, const struct arch_code *code)
{
	old->patches[old->n_patches++] = (struct vdso_patch){at, *code};
	return 0;
}

/* What a function's far end is: by any name that both have. Returns false if it is to stay. */
static bool find_target(const struct vdso_elf *from, uint64_t offset, const struct vdso_elf *to,
			uint64_t to_address, struct arch_code *ret)
{
	bool has_call = false;

	for (size_t i = 0; i < from->n; i++) {
		const struct vdso_function *f = &from->functions[i], *other;

		if (f->offset != offset)
			continue;
		other = to ? vdso_elf_find(to, f->name) : NULL;
		if (other) {
			arch_vdso_far_jump(ret, to_address + other->offset);
			return true;
		}
		has_call = has_call || arch_vdso_system_call(ret, f->name);
	}
	return has_call;
}

static bool is_seen(const struct vdso_elf *from, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (from->functions[j].offset == from->functions[i].offset)
			return true;
	return false;
}

/* Two patches: at the function's start, and at @room behind the content. */
static int patch_function(struct old_vdso *old, const struct vdso_elf *from,
			  const struct vdso_function *f, const struct arch_code *target,
			  size_t *room, struct error *err)
{
	struct arch_code jump;

	arch_vdso_jump(&jump, (int64_t)*room - (int64_t)f->offset);
	if ((f->size && f->size < jump.size) || f->offset + jump.size > from->size)
		return fail(err, EOPNOTSUPP, "its vDSO's function %s is too small", f->name);
	if (*room + ARCH_CODE_MAX > from->size)
		return fail(err, EOPNOTSUPP, "its vDSO leaves no room for jumps");
	add_patch(old, old->place.text + *room, target);
	add_patch(old, old->place.text + f->offset, &jump);
	*room += ARCH_CODE_MAX;
	return 0;
}

int vdso_plan_patches(struct old_vdso *old, const struct vdso_elf *from, const struct vdso_elf *to,
		      uint64_t to_address, struct arena *arena, struct error *err)
{
	size_t room = vdso_elf_end(from);
	int ret = 0;

	old->patches = arena_alloc(arena, (2 * from->n + 1) * sizeof(*old->patches));
	if (!old->patches)
		return fail(err, ENOMEM, "cannot plan the vDSO");
	for (size_t i = 0; i < from->n && !ret; i++) {
		const struct vdso_function *f = &from->functions[i];
		struct arch_code target;

		/* Handlers that run return to it: it works as it is, under any kernel. */
		if (strstr(f->name, SIGRETURN))
			old->sigreturn = old->place.text + f->offset;
		else if (!is_seen(from, i) && find_target(from, f->offset, to, to_address, &target))
			ret = patch_function(old, from, f, &target, &room, err);
	}
	return ret;
}
