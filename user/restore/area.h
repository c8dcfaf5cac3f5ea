/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_AREA_H
#define CRBPF_RESTORE_AREA_H

/* What vma_entry.status says of a mapping: bits of CRIU's format. */
enum {
	AREA_REGULAR = 1 << 0,
	AREA_VSYSCALL = 1 << 2,
	AREA_VDSO = 1 << 3,
	AREA_HEAP = 1 << 5,
	AREA_FILE_PRIVATE = 1 << 6,
	AREA_FILE_SHARED = 1 << 7,
	AREA_ANON_SHARED = 1 << 8,
	AREA_ANON_PRIVATE = 1 << 9,
	AREA_SYSVIPC = 1 << 10,
	AREA_SOCKET = 1 << 11,
	AREA_VVAR = 1 << 12,
	AREA_AIORING = 1 << 13,
	AREA_MEMFD = 1 << 14,
	AREA_SHSTK = 1 << 15,
	AREA_GUARD = 1 << 16,
};

#endif
