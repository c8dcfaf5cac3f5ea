/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BUILDID_H
#define CRBPF_BUILDID_H

#include <stddef.h>
#include <stdint.h>

#define BUILDID_WORDS 16

/*
 * The build id of the ELF file @fd as an image holds it: words in this machine's
 * order, the last one filled up with zeroes. Looks at the first MiB only. Returns
 * the number of words, 0 if it is no ELF file or has none. The position is not changed.
 */
size_t build_id_read(int fd, uint32_t words[static BUILDID_WORDS]);

#endif
