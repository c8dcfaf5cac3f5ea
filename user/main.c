// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "lib/err.h"
#include "lib/log.h"

static void usage(FILE *out)
{
	fputs("usage: crbpf COMMAND [OPTION]...\n\nCommands:\n", out);
	for (const struct command *c = commands; c->name; c++)
		if (c->help)
			fprintf(out, "  %-10s %s\n", c->name, c->help);
	fputs("\n`crbpf COMMAND --help` tells a command's options.\n", out);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(name, c->name))
			return c;
	return NULL;
}

/* The one place that prints an error. */
static void print_error(const char *command, const struct error *err)
{
	fprintf(stderr, "crbpf: %s: %s\n", command, err->text ?: strerror(-err->code));
	if (err->hint)
		fprintf(stderr, "  try: %s\n", err->hint);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *command = find_command(name);
	struct error err = { 0 };
	struct log log;
	int ret;

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		puts("crbpf " CRBPF_VERSION);
		return 0;
	}
	if (!command) {
		if (argc > 1)
			fprintf(stderr, "crbpf: %s: no such command\n  try: crbpf --help\n", name);
		else
			usage(stderr);
		return 1;
	}

	log_init(&log, LOG_WARN);
	ret = command->run(argc - 1, argv + 1, &log, &err);
	if (ret < 0 || err.text)
		print_error(name, &err);
	log_deinit(&log);
	error_deinit(&err);
	return ret < 0 ? 1 : ret;
}
