/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_ARM64_VECTOR_H
#define CRBPF_ARCH_ARM64_VECTOR_H

/*
 * SVE and SME. A thread is in one of two modes, ordinary or streaming, each with a
 * regset and a vector length of its own; to write one of the sets is to enter its
 * mode. So the idle mode's header is written first and the active set last.
 */

#include <stdbool.h>
#include <sys/types.h>

struct regs;
struct regset;

/*
 * Reads NT_ARM_SVE, NT_ARM_SSVE or NT_ARM_ZA. The kernel always claims to have
 * filled the set's greatest size; the header tells how much of it is true.
 */
int vector_get(pid_t tid, struct regset *set);
/* Writes NT_ARM_SVE and NT_ARM_SSVE of @regs. 0 or -errno. */
int vector_set(pid_t tid, const struct regs *regs, const struct regset *set);
/* Writes NT_ARM_SSVE of a thread that has no NT_ARM_SVE; else that was done before. */
int vector_set_done(pid_t tid, const struct regs *regs, const struct regset *set);
/* Writes NT_ARM_ZT, if ZA is on: to write it turns ZA on. */
int vector_set_zt(pid_t tid, const struct regs *regs, const struct regset *set);
/* Does ZA hold anything? */
bool vector_has_za(const struct regs *regs);

#endif
