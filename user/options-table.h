/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_OPTIONS_TABLE_H
#define CRBPF_OPTIONS_TABLE_H

/*
 * Every option of every command, once: what options_parse understands, what --help
 * prints and what shells complete (cmd/completion.c).
 */

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

enum option_value {
	VALUE_NONE,	/* sets a bool */
	VALUE_TEXT,	/* a pointer into argv */
	VALUE_NUMBER,	/* unsigned int */
	VALUE_BYTES,	/* unsigned long long, with a suffix k, m or g */
	VALUE_PID,	/* pid_t above 0 */
	VALUE_PIDS,	/* struct pids: each time one more */
	VALUE_FD,	/* int, an open descriptor */
	VALUE_LEVEL,	/* -v, -vv, -v4 */
	VALUE_WORDS,	/* struct words: each time one more */
	VALUE_CPU_CAP,	/* unsigned int, CPU_CAP_*; the value may be left out */
	VALUE_EXTERNAL,	/* the same, of what the tree shares with others: TYPE[ID] */
	VALUE_INHERIT,	/* the same, of what stands for that: fd[NUMBER]:NAME */
	VALUE_OPERANDS,	/* struct words: what is no option; name is the placeholder */
	VALUE_IGNORED,	/* taken with its value, without effect; offset counts for nothing */
	VALUE_IGNORED_FLAG,	/* the same without a value */
};

struct option_row {
	const char *name;
	char letter;		/* 0: none */
	unsigned int commands;	/* enum options_for */
	enum option_value value;
	size_t offset;		/* in struct options */
	const char *argument;	/* for --help */
	const char *help;	/* NULL: not shown (a synonym) */
};

/* The row after @row of a command, NULL: the first. NULL at the end. */
const struct option_row *option_next(enum options_for what, const struct option_row *row);
/* Must a value follow? */
bool option_takes_value(const struct option_row *row);
/* Is this an option of CRIU that is not there yet? @length bytes of @name, without the dashes. */
bool option_is_missing(const char *name, size_t length);

#endif
