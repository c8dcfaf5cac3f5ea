/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_FINISH_H
#define CRBPF_FINISH_H

struct dump;
struct error;

/*
 * After the thaw of a dump that succeeded: what was put off so that the tree stood
 * still for a shorter time. Sets @err on failure.
 */
void dump_settle(struct dump *d, struct error *err);

#endif
