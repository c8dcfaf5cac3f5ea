/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_FEATURE_H
#define CRBPF_ARCH_FEATURE_H

/* Lists of what a processor lacks. */

#include <stddef.h>

#include "lib/buf.h"

/* Appends words, parted from what is there by ", ". Returns 0 or -ENOMEM. */
int feature_add(struct buf *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
