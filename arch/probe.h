/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_PROBE_H
#define CRBPF_ARCH_PROBE_H

#include <linux/types.h>
#include <stdbool.h>

/* Can a page of a process lie at @at? Asks the kernel; changes no mapping. */
bool probe_address(__u64 at);

#endif
