/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SEGMENT_H
#define CRBPF_SEGMENT_H

/* System V shared memory segments, apart from their mappings: ipcns-shm and their content. */

#include <stdint.h>

struct dump;
struct restore;

/* Describes segment @shmid and has its content stored. Takes @fd over, which reads it. 0 or -errno. */
int segment_dump(struct dump *d, int shmid, int fd);

/* Does the image know segment @shmid, and is it mapped by @size bytes? Loads it. 0 or -errno. */
int segment_check(struct restore *r, int shmid, uint64_t size);
/* Once per segment: finds it or makes it, and fills it. 0 or -errno. */
int segment_restore(struct restore *r, int shmid);

#endif
