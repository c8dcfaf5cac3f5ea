/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_X86_XSTATE_H
#define CRBPF_ARCH_X86_XSTATE_H

/* NT_X86_XSTATE to and from the image: the FXSAVE area, and a list per component after it. */

#include <stdbool.h>
#include <stddef.h>

struct error;
struct regs;
struct regset;
typedef struct ThreadInfoX86 ThreadInfoX86;

#define XSTATE_COMPONENTS 63
#define XSTATE_PKRU	  9  /* the component of protection key rights: 8 bytes, the first 4 count */
#define XSTATE_IN_USE	  512 /* offset of the word that says which components are there */
/* Where this processor keeps component @bit. False if it has none or the kernel does not use it. */
bool xstate_locate(unsigned int bit, size_t *ret_offset, size_t *ret_size);
/* Where the rights to protection keys are in @set, borrowed; NULL if it has none. */
char *xstate_pkru(const struct regset *set);
/* Fills info->fpregs and, for components that CRIU has no list for, info->regsets. 0 or -errno. */
int xstate_to_message(ThreadInfoX86 *info, const struct regs *regs, struct error *err);
/* Adds the set, from a message that nobody has checked. 0 or -errno. */
int xstate_from_message(struct regs *regs, const ThreadInfoX86 *info, struct error *err);

#endif
