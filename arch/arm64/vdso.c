// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "arch/arm64/insn.h"
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

#define B_IMM26    0x14000000u /* b: words from itself */
#define LDR_X16_8  0x58000050u /* ldr x16, 8 bytes from here */
#define BR_X16     0xd61f0200u
#define MOVZ_X8    0xd2800008u /* with the number from bit 5 on */
#define RET        0xd65f03c0u
#define CMN_X4_1   0xb100049fu
#define B_NE_3     0x54000061u /* over two instructions */
#define MOV_ENOSYS 0x928004a0u /* mov x0, #-38 */

static void add(struct arch_code *code, __u32 instruction)
{
	memcpy(code->bytes + code->size, &instruction, sizeof(instruction));
	code->size += sizeof(instruction);
}

/*
 * One instruction, so that nobody is ever behind half of it. It takes the place of a
 * landing pad too: a copy of a vDSO is mapped without PROT_BTI.
 */
void arch_vdso_jump(struct arch_code *ret, __s64 distance)
{
	ret->size = 0;
	add(ret, B_IMM26 | ((__u32)(distance / 4) & 0x3ffffff));
}

/* By x16: what it lands on may be "bti c", which lets that register pass as a call. */
void arch_vdso_far_jump(struct arch_code *ret, __u64 to)
{
	ret->size = 0;
	add(ret, LDR_X16_8);
	add(ret, BR_X16);
	memcpy(ret->bytes + ret->size, &to, sizeof(to));
	ret->size += sizeof(to);
}

bool arch_vdso_system_call(struct arch_code *ret, const char *name)
{
	static const struct {
		const char *name;
		__u32 nr;
	} calls[] = {
		{"__kernel_clock_gettime", SYS_clock_gettime},
		{"__kernel_clock_getres", SYS_clock_getres},
		{"__kernel_gettimeofday", SYS_gettimeofday},
		{"__kernel_getrandom", SYS_getrandom},
	};

	ret->size = 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, name))
			continue;
		/* getrandom(…, ~0) asks for the size of a state. */
		if (calls[i].nr == SYS_getrandom) {
			add(ret, CMN_X4_1);
			add(ret, B_NE_3);
			add(ret, MOV_ENOSYS);
			add(ret, RET);
		}
		add(ret, MOVZ_X8 | calls[i].nr << 5);
		add(ret, ARM64_SVC_0);
		add(ret, RET);
		return true;
	}
	return false;
}
