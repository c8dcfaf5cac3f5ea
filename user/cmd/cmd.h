/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CMD_H
#define CRBPF_CMD_H

/*
 * The commands: options in, one call out. argv[0] is the command's name. Each
 * returns 0 or -errno with the error set; --help prints to standard output and
 * returns 0.
 */

struct error;
struct log;

int cmd_dump(int argc, char **argv, struct log *log, struct error *err);
int cmd_restore(int argc, char **argv, struct log *log, struct error *err);
int cmd_show(int argc, char **argv, struct log *log, struct error *err);
int cmd_verify(int argc, char **argv, struct log *log, struct error *err);

#endif
