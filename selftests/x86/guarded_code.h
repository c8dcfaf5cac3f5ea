/* SPDX-License-Identifier: GPL-2.0-only */
/* Mappings with landing pads are ARM64's. */
#define GUARDED_NONE "x86 guards no mapping by landing pads"
#define PROT_GUARDED 0
static const unsigned int guarded_pad[] = {0}, guarded_bare[] = {0};
