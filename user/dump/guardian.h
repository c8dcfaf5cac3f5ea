/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_GUARDIAN_H
#define CRBPF_GUARDIAN_H

/*
 * A process that shares this one's memory and descriptors and does nothing but wait for
 * its end: if that comes while something of the target is not as it was (crbpf was killed
 * in the middle), it puts it back. Lives only as long as it is needed.
 */

struct error;
struct guardian;

/* A socket option to be put back: an int. */
struct guarded_option {
	int fd, level, name, value;
};

/* Returns 0 or -errno with the error set. */
int guardian_create(struct guardian **ret, struct error *err);
/* From now on @option is put back when this process ends. One at a time. */
void guardian_arm(struct guardian *g, const struct guarded_option *option);
/* It was put back. */
void guardian_disarm(struct guardian *g);
/* Ends it; NULL is fine. */
void guardian_destroy(struct guardian *g);

#endif
