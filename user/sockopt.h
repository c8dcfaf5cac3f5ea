/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SOCKOPT_H
#define CRBPF_SOCKOPT_H

/*
 * Options that sockets of every family have, in both directions. What CRIU's format has
 * no field for is kept as numbers, if it differs from what a new socket has.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SkOptsEntry SkOptsEntry;

struct dump;
struct error;
struct restore;

/* An option that is an int and survives being read and set again. */
struct int_option {
	int level, name;
};
const struct int_option *int_options(size_t *ret_n);
/* May a socket of this sort have it? */
bool int_option_concerns(const struct int_option *option, int family, int protocol);

/*
 * The options of socket @fd (a copy), in d->arena. @family, @type and @protocol are
 * those of socket(2). Returns NULL with the error set.
 */
SkOptsEntry *dump_sockopts(struct dump *d, int fd, int family, int type, int protocol);

/* Before any socket exists: filters, names and numbers that an image may ask for. */
int check_sockopts(struct restore *r, const SkOptsEntry *opts);
/* Sets all but SO_REUSEADDR and SO_REUSEPORT: to be called before bind and connect. */
int restore_sockopts(struct restore *r, int fd, const SkOptsEntry *opts);
/* Attaches the filter in @opts, if there is one (@on), or detaches it for the moment. */
int restore_filter(struct restore *r, int fd, const SkOptsEntry *opts, bool on);
/* Sets those two. */
int restore_reuse(struct restore *r, int fd, bool addr, bool port);

#endif
