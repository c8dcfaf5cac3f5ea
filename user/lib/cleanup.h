/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_CLEANUP_H
#define CRBPF_LIB_CLEANUP_H

/*
 * Locals that give back what they hold when they go out of scope. A function
 * uses either these or goto, never both. Descriptors start at -1, pointers at NULL.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_close_	 __attribute__((cleanup(cleanup_close)))
#define _cleanup_free_	 __attribute__((cleanup(cleanup_free)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))

/* Hands a local's content to the caller: the cleanup then finds nothing to do. */
#define take_fd(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#endif
