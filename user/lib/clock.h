/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_CLOCK_H
#define CRBPF_LIB_CLOCK_H

#include <time.h>

/* CLOCK_MONOTONIC in nanoseconds. */
static inline long long clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif
