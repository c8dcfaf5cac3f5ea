/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CMD_H
#define CRBPF_CMD_H

/*
 * The commands: options in, one call out. argv[0] is the command's name. Each
 * returns 0 or -errno with the error set; --help prints to standard output and
 * returns 0. What is above 0 is the exit status, of commands that have several; the
 * error, if one is set, is printed then, too.
 */

#include "options.h"

struct error;
struct log;

struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct log *log, struct error *err);
	enum options_for options;	/* 0: it has none */
	const char *help;		/* NULL: not shown */
};

/* Ends with a name of NULL. */
extern const struct command commands[];

int cmd_check(int argc, char **argv, struct log *log, struct error *err);
int cmd_cpuinfo(int argc, char **argv, struct log *log, struct error *err);
int cmd_completion(int argc, char **argv, struct log *log, struct error *err);
int cmd_dump(int argc, char **argv, struct log *log, struct error *err);
int cmd_restore(int argc, char **argv, struct log *log, struct error *err);
int cmd_scan(int argc, char **argv, struct log *log, struct error *err);
int cmd_show(int argc, char **argv, struct log *log, struct error *err);
int cmd_verify(int argc, char **argv, struct log *log, struct error *err);

#endif
