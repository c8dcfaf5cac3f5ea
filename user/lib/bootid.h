/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BOOTID_H
#define CRBPF_BOOTID_H

/* Tells one run of a machine from every other: 36 characters and a NUL. */
#define BOOT_ID_SIZE 37

/* Fills @id; "" if it cannot be read. Returns 0 or -errno. */
int boot_id(char id[static BOOT_ID_SIZE]);

#endif
