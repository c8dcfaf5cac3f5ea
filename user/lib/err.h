/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_ERR_H
#define CRBPF_LIB_ERR_H

/*
 * One error travels up as a value and is printed once, by main. It is made where
 * it is understood (fail), gains a place at each level that knows one (fail_in),
 * and may carry what the user can do (fail_hint):
 *
 *	crbpf: dump: task 4242: eventfd 7: cannot read its counter: Operation not permitted
 *	  try: run as root
 *
 * Messages are lower case, problem first, without a full stop.
 */

struct error {
	int code;	/* -errno; 0 while nothing failed */
	char *text;	/* owned; NULL while nothing failed, or memory ran out */
	char *hint;	/* owned; NULL if there is no advice */
};

/*
 * Records an error unless one is recorded already: the first cause wins, so that
 * what goes wrong while cleaning up cannot hide it. @errnum of either sign adds
 * ": strerror" and its negative is returned; 0 adds nothing and returns -EINVAL.
 * Always returns a value below 0. @err may be NULL: only the code is returned.
 */
int fail(struct error *err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "WHERE: " before the message. Returns err->code (or -EINVAL if none is recorded). */
int fail_in(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the advice, unless there is some. Returns err->code (or -EINVAL if none is recorded). */
int fail_hint(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Frees what it holds and makes it empty again. */
void error_deinit(struct error *err);

#endif
