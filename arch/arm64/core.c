// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>

#include "arch/arm64/call.h"
#include "arch/arm64/vector.h"
#include "arch/message.h"
#include "arch/regset.h"
#include "core.pb-c.h"
#include "lib/err.h"

#define N_GENERAL 31 /* x0 to x30 */
#define N_VREGS   64 /* v0 to v31 as pairs of words, low one first */

/* NT_ARM_PACA_KEYS: struct user_pac_address_keys; NT_ARM_PACG_KEYS: the first two words of it. */
struct pac_keys {
	__u64 apia[2], apib[2], apda[2], apdb[2];
};

/* Sets that CRIU has no field for, kept as they are. */
static const unsigned int other_notes[] = {
	NT_ARM_TLS,
	NT_ARM_SVE,
	NT_ARM_SSVE,
	NT_ARM_ZA,
	NT_ARM_ZT,
	NT_ARM_FPMR,
	NT_ARM_TAGGED_ADDR_CTRL,
	NT_ARM_POE,
	NT_ARM_GCS,
};
#define N_OTHERS (sizeof(other_notes) / sizeof(other_notes[0]))

int arch_core_machine(void)
{
	return CORE_ENTRY__MARCH__AARCH64;
}

__u64 arch_core_clear_tid(const CoreEntry *core)
{
	return core->ti_aarch64 ? core->ti_aarch64->clear_tid_addr : 0;
}

static int general_to_message(ThreadInfoAarch64 *info, const struct regs *regs)
{
	const struct user_regs_struct *from = regs->set[0].data;
	UserAarch64RegsEntry *to = NEW_MESSAGE(UserAarch64RegsEntry, user_aarch64_regs_entry);
	const struct regset *tls = regs_find(regs, NT_ARM_TLS);

	if (!to)
		return -ENOMEM;
	info->gpregs = to;
	to->regs = message_copy(from->regs, N_GENERAL * sizeof(__u64));
	if (!to->regs)
		return -ENOMEM;
	to->n_regs = N_GENERAL;
	to->sp = from->sp;
	to->pc = from->pc;
	to->pstate = from->pstate;
	if (tls && tls->size >= sizeof(__u64))
		memcpy(&info->tls, tls->data, sizeof(__u64));
	return 0;
}

static int vectors_to_message(ThreadInfoAarch64 *info, const struct regs *regs, struct error *err)
{
	const struct regset *set = regs_find(regs, NT_PRFPREG);
	UserAarch64FpsimdContextEntry *to =
		NEW_MESSAGE(UserAarch64FpsimdContextEntry, user_aarch64_fpsimd_context_entry);
	struct user_fpsimd_struct from;

	if (!to)
		return fail(err, ENOMEM, "cannot describe the vector registers");
	info->fpsimd = to;
	if (!set || set->size < sizeof(from))
		return fail(err, EOPNOTSUPP, "this processor has no vector registers");
	memcpy(&from, set->data, sizeof(from));
	to->vregs = message_copy(from.vregs, N_VREGS * sizeof(__u64));
	if (!to->vregs)
		return fail(err, ENOMEM, "cannot describe the vector registers");
	to->n_vregs = N_VREGS;
	to->fpsr = from.fpsr;
	to->fpcr = from.fpcr;
	return 0;
}

static int address_keys_to_message(PacKeys *pac, const struct regs *regs)
{
	const struct regset *keys = regs_find(regs, NT_ARM_PACA_KEYS);
	const struct regset *enabled = regs_find(regs, NT_ARM_PAC_ENABLED_KEYS);
	struct pac_keys from;
	PacAddressKeys *to;

	if (!keys || keys->size < sizeof(from))
		return 0;
	memcpy(&from, keys->data, sizeof(from));
	to = NEW_MESSAGE(PacAddressKeys, pac_address_keys);
	if (!to)
		return -ENOMEM;
	pac->pac_address_keys = to;
	to->apiakey_lo = from.apia[0];
	to->apiakey_hi = from.apia[1];
	to->apibkey_lo = from.apib[0];
	to->apibkey_hi = from.apib[1];
	to->apdakey_lo = from.apda[0];
	to->apdakey_hi = from.apda[1];
	to->apdbkey_lo = from.apdb[0];
	to->apdbkey_hi = from.apdb[1];
	if (enabled && enabled->size >= sizeof(__u64))
		memcpy(&to->pac_enabled_key, enabled->data, sizeof(__u64));
	return 0;
}

/* The message is written without keys too, as CRIU does. */
static int pac_to_message(ThreadInfoAarch64 *info, const struct regs *regs)
{
	const struct regset *generic = regs_find(regs, NT_ARM_PACG_KEYS);
	PacGenericKeys *to;
	__u64 apga[2];

	info->pac_keys = NEW_MESSAGE(PacKeys, pac_keys);
	if (!info->pac_keys || address_keys_to_message(info->pac_keys, regs) < 0)
		return -ENOMEM;
	if (!generic || generic->size < sizeof(apga))
		return 0;
	memcpy(apga, generic->data, sizeof(apga));
	to = NEW_MESSAGE(PacGenericKeys, pac_generic_keys);
	if (!to)
		return -ENOMEM;
	info->pac_keys->pac_generic_keys = to;
	to->apgakey_lo = apga[0];
	to->apgakey_hi = apga[1];
	return 0;
}

/* Zeroes are what a new thread has anyway; the first word of TLS has its own field. */
static bool is_worth_keeping(const struct regs *regs, const struct regset *set)
{
	const char *data = set->data;
	size_t i = set->note == NT_ARM_TLS ? sizeof(__u64) : 0;

	if ((set->note == NT_ARM_ZA || set->note == NT_ARM_ZT) && !vector_has_za(regs))
		return false;
	while (i < set->size && !data[i])
		i++;
	return i < set->size;
}

static int others_to_message(ThreadInfoAarch64 *info, const struct regs *regs)
{
	for (size_t i = 0; i < N_OTHERS; i++) {
		const struct regset *set = regs_find(regs, other_notes[i]);

		if (set && is_worth_keeping(regs, set) &&
		    message_add_regset(&info->regsets, &info->n_regsets, set->note, set->data,
				       set->size) < 0)
			return -ENOMEM;
	}
	return 0;
}

int arch_core_from_regs(CoreEntry *core, const struct regs *regs, __u64 clear_tid_addr,
			struct error *err)
{
	ThreadInfoAarch64 *info = NEW_MESSAGE(ThreadInfoAarch64, thread_info_aarch64);
	int code;

	if (!info)
		return fail(err, ENOMEM, "cannot describe the registers");
	core->mtype = CORE_ENTRY__MARCH__AARCH64;
	core->ti_aarch64 = info;
	info->clear_tid_addr = clear_tid_addr;
	if (general_to_message(info, regs) < 0)
		return fail(err, ENOMEM, "cannot describe the registers");
	code = vectors_to_message(info, regs, err);
	if (code == 0 && (pac_to_message(info, regs) < 0 || others_to_message(info, regs) < 0))
		code = fail(err, ENOMEM, "cannot describe the registers");
	return code;
}

static int general_from_message(struct regs *regs, const ThreadInfoAarch64 *info, struct error *err)
{
	const UserAarch64RegsEntry *from = info->gpregs;
	struct user_regs_struct *to;
	__u64 *tls;
	struct call *call;

	if (from->n_regs != N_GENERAL)
		return fail(err, 0, "the image has %zu general registers instead of %d",
			    from->n_regs, N_GENERAL);
	to = regs_add(regs, NT_PRSTATUS, sizeof(*to));
	tls = regs_add(regs, NT_ARM_TLS, sizeof(*tls));
	call = regs_add(regs, NT_ARM_SYSTEM_CALL, sizeof(*call));
	if (!to || !tls || !call)
		return fail(err, ENOMEM, "cannot keep the registers");
	memcpy(to->regs, from->regs, N_GENERAL * sizeof(__u64));
	to->sp = from->sp;
	to->pc = from->pc;
	to->pstate = from->pstate;
	*tls = info->tls;
	call->nr = -1;
	return 0;
}

static int vectors_from_message(struct regs *regs, const UserAarch64FpsimdContextEntry *from,
				struct error *err)
{
	struct user_fpsimd_struct *to;

	if (from->n_vregs != N_VREGS)
		return fail(err, 0, "the image has %zu words of vector registers instead of %d",
			    from->n_vregs, N_VREGS);
	to = regs_add(regs, NT_PRFPREG, sizeof(*to));
	if (!to)
		return fail(err, ENOMEM, "cannot keep the vector registers");
	memcpy(to->vregs, from->vregs, N_VREGS * sizeof(__u64));
	to->fpsr = from->fpsr;
	to->fpcr = from->fpcr;
	return 0;
}

static int pac_from_message(struct regs *regs, const PacKeys *pac, struct error *err)
{
	if (pac && pac->pac_address_keys) {
		const PacAddressKeys *from = pac->pac_address_keys;
		struct pac_keys *keys = regs_add(regs, NT_ARM_PACA_KEYS, sizeof(*keys));
		__u64 *enabled = regs_add(regs, NT_ARM_PAC_ENABLED_KEYS, sizeof(*enabled));

		if (!keys || !enabled)
			return fail(err, ENOMEM, "cannot keep the pointer authentication keys");
		*keys = (struct pac_keys){
			.apia = {from->apiakey_lo, from->apiakey_hi},
			.apib = {from->apibkey_lo, from->apibkey_hi},
			.apda = {from->apdakey_lo, from->apdakey_hi},
			.apdb = {from->apdbkey_lo, from->apdbkey_hi},
		};
		*enabled = from->pac_enabled_key;
	}
	if (pac && pac->pac_generic_keys) {
		__u64 *apga = regs_add(regs, NT_ARM_PACG_KEYS, 2 * sizeof(*apga));

		if (!apga)
			return fail(err, ENOMEM, "cannot keep the generic authentication key");
		apga[0] = pac->pac_generic_keys->apgakey_lo;
		apga[1] = pac->pac_generic_keys->apgakey_hi;
	}
	return 0;
}

static int others_from_message(struct regs *regs, const ThreadInfoAarch64 *info, struct error *err)
{
	for (size_t i = 0; i < info->n_regsets; i++) {
		const RegsetEntry *from = info->regsets[i];
		bool is_known = false;
		void *to;

		for (size_t k = 0; k < N_OTHERS; k++)
			is_known |= from->note == other_notes[k];
		/* From a later crbpf, perhaps: what it says would be lost in silence. */
		if (!is_known || !from->data.len)
			return fail(err, EOPNOTSUPP,
				    "the image has registers (note 0x%x) that are unknown here",
				    from->note);
		to = regs_add(regs, from->note, from->data.len);
		if (!to)
			return fail(err, ENOMEM, "cannot keep the registers");
		memcpy(to, from->data.data, from->data.len);
	}
	return 0;
}

int arch_regs_from_core(struct regs *regs, const CoreEntry *core, struct error *err)
{
	const ThreadInfoAarch64 *info = core->ti_aarch64;
	int code;

	memset(regs, 0, sizeof(*regs));
	if (core->mtype != CORE_ENTRY__MARCH__AARCH64)
		return fail(err, EOPNOTSUPP, "the image is of another kind of processor");
	if (!info || !info->gpregs || !info->fpsimd)
		return fail(err, 0, "the image has no registers");
	code = general_from_message(regs, info, err);
	if (code == 0)
		code = vectors_from_message(regs, info->fpsimd, err);
	if (code == 0)
		code = pac_from_message(regs, info->pac_keys, err);
	if (code == 0)
		code = others_from_message(regs, info, err);
	if (code < 0)
		regs_deinit(regs);
	return code;
}
