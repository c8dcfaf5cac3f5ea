/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_ARM64_INSN_H
#define CRBPF_ARCH_ARM64_INSN_H

#define ARM64_SVC_0 0xd4000001u /* svc #0: the only system-call instruction that Linux knows */

#endif
