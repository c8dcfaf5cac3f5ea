// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "arch/arm64/vector.h"
#include "arch/regset.h"

/* struct user_sve_header; struct user_za_header is the same. */
struct vector_header {
	__u32 size, max_size;
	__u16 vl, max_vl;
	__u16 flags, reserved;
};

#define VECTOR_REGS_SVE 1 /* SVE_PT_REGS_SVE: full vectors follow */

static bool get_header(const struct regset *set, struct vector_header *ret)
{
	if (!set || set->size < sizeof(*ret))
		return false;
	memcpy(ret, set->data, sizeof(*ret));
	return true;
}

int vector_get(pid_t tid, struct regset *set)
{
	struct vector_header header;
	int code = regset_get(tid, set);

	if (code == 0 && get_header(set, &header) && header.size < set->size)
		set->size = header.size < sizeof(header) ? sizeof(header) : header.size;
	return code;
}

/* Streaming SVE has no short form, so its flag says that the mode is the active one. */
static bool is_streaming(const struct regset *ssve)
{
	struct vector_header header;

	return get_header(ssve, &header) && (header.flags & VECTOR_REGS_SVE);
}

/*
 * The vector length of the mode that is not active. Kernels from 6.16 take the
 * streaming set in the full form only, so a header alone says that it is that.
 */
static int set_idle(pid_t tid, const struct regset *set)
{
	struct vector_header header, now_header;
	struct regset now;
	bool is_same;
	int code;

	if (!get_header(set, &header))
		return 0;
	now.note = set->note;
	code = vector_get(tid, &now);
	if (code < 0)
		return code;
	header.flags |= VECTOR_REGS_SVE;
	is_same = get_header(&now, &now_header) && now_header.vl == header.vl &&
		  (now_header.flags | VECTOR_REGS_SVE) == header.flags;
	free(now.data);
	header.size = sizeof(header);
	return is_same ? 0 : regset_set(tid, set->note, &header, sizeof(header));
}

static int set_active(pid_t tid, const struct regset *set)
{
	return set ? regset_set(tid, set->note, set->data, set->size) : 0;
}

int vector_set(pid_t tid, const struct regs *regs, const struct regset *set)
{
	const struct regset *sve = regs_find(regs, NT_ARM_SVE);
	const struct regset *ssve = regs_find(regs, NT_ARM_SSVE);
	bool streaming = is_streaming(ssve);
	int code = set_idle(tid, streaming ? sve : ssve);

	return code < 0 ? code : set_active(tid, streaming ? ssve : sve);
}

int vector_set_done(pid_t tid, const struct regs *regs, const struct regset *set)
{
	if (regs_find(regs, NT_ARM_SVE))
		return 0;
	return is_streaming(set) ? set_active(tid, set) : 0;
}

bool vector_has_za(const struct regs *regs)
{
	const struct regset *za = regs_find(regs, NT_ARM_ZA);

	return za && za->size > sizeof(struct vector_header);
}

int vector_set_zt(pid_t tid, const struct regs *regs, const struct regset *set)
{
	return vector_has_za(regs) ? regset_set(tid, set->note, set->data, set->size) : 0;
}
