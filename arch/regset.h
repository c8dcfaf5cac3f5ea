/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_REGSET_H
#define CRBPF_ARCH_REGSET_H

/* Between arch/regs.c and the processors' regs.c; the rest of the project uses arch.h. */

#include <elf.h>
#include <sys/types.h>
#include "arch/arch.h"

/* Names that Debian 12's headers lack; values from Linux 6.18, include/uapi/linux/elf.h. */
#ifndef NT_X86_SHSTK
#define NT_X86_SHSTK 0x204
#endif
#ifndef NT_ARM_SSVE
#define NT_ARM_SSVE 0x40b
#endif
#ifndef NT_ARM_ZA
#define NT_ARM_ZA 0x40c
#endif
#ifndef NT_ARM_ZT
#define NT_ARM_ZT 0x40d
#endif
#ifndef NT_ARM_FPMR
#define NT_ARM_FPMR 0x40e
#endif
#ifndef NT_ARM_POE
#define NT_ARM_POE 0x40f
#endif
#ifndef NT_ARM_GCS
#define NT_ARM_GCS 0x410
#endif

/*
 * A row per register set, in the order in which they are written. A processor's
 * own @get and @set stand in for PTRACE_GETREGSET and PTRACE_SETREGSET.
 */
struct regset_info {
	unsigned int note;
	const char *name; /* for messages */
	/* Fills set->size and set->data; a set that the thread has not got is of size 0. 0 or
	 * -errno. */
	int (*get)(pid_t tid, struct regset *set);
	/* 0 or -errno. Called for sets of a size other than 0 only. */
	int (*set)(pid_t tid, const struct regs *regs, const struct regset *set);
};

extern const struct regset_info arch_regsets[];
extern const size_t arch_n_regsets;

/* Bytes of the general registers of a thread of this processor's native mode. */
extern const size_t arch_general_size;
/* Rows of arch_regsets that make up the general registers and the state of a system call. */
extern const size_t arch_n_general;

/* PTRACE_GETREGSET of set->note, whatever its size. 0 (also if there is none) or -errno. */
int regset_get(pid_t tid, struct regset *set);
/* PTRACE_SETREGSET of @n bytes. 0 or -errno. */
int regset_set(pid_t tid, unsigned int note, const void *data, size_t n);
/*
 * Adds a set of @n zeroed bytes, in place of one of that note. Returns its bytes,
 * or NULL if memory or the table ran out.
 */
void *regs_add(struct regs *regs, unsigned int note, size_t n);

#endif
