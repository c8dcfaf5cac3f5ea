/* SPDX-License-Identifier: GPL-2.0-only */
/* Branch target identification: an indirect branch into such a mapping must meet a landing pad. */
#include <sys/auxv.h>

#define GUARDED_NONE (getauxval(AT_HWCAP2) & 1UL << 17 ? NULL : "this processor has no BTI")
#define PROT_GUARDED 0x10
static const unsigned int guarded_pad[] = {0xd503245f, 0xd65f03c0}, /* bti c; ret */
	guarded_bare[] = {0xd503201f, 0xd65f03c0};		    /* nop; ret */
