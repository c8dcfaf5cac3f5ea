// SPDX-License-Identifier: GPL-2.0-only
#include "arch/arch.h"
#include "cpucap.h"
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "external.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options-table.h"

static const struct option_row *find_operands(enum options_for what)
{
	const struct option_row *row = NULL;

	while ((row = option_next(what, row)))
		if (row->value == VALUE_OPERANDS)
			break;
	return row;
}

static void print_help(enum options_for what, const char *command)
{
	const struct option_row *row = NULL, *operands = find_operands(what);

	printf("usage: crbpf %s [OPTION]...%s%s\n\nOptions:\n", command, operands ? " " : "",
	       operands ? operands->name : "");
	while ((row = option_next(what, row))) {
		char left[64];

		if (!row->help)
			continue;
		if (row == operands)
			snprintf(left, sizeof(left), "%s", row->name);
		else
			snprintf(left, sizeof(left), "%c%c%s--%s%s%s", row->letter ? '-' : ' ',
				 row->letter ?: ' ', row->letter ? ", " : "  ", row->name,
				 row->argument ? " " : "", row->argument ?: "");
		printf("  %-26s %s\n", left, row->help);
	}
	puts("\nOptions of CRIU with the same name mean the same.");
}

static const struct option_row *find_long(enum options_for what, const char *name, size_t length)
{
	const struct option_row *row = NULL;

	while ((row = option_next(what, row)))
		if (row->value != VALUE_OPERANDS && strlen(row->name) == length &&
		    !strncmp(row->name, name, length))
			break;
	return row;
}

static const struct option_row *find_short(enum options_for what, char letter)
{
	const struct option_row *row = NULL;

	while ((row = option_next(what, row)))
		if (row->letter == letter)
			break;
	return row;
}

/* @arg is the whole option, of which @length bytes are its name with both dashes. */
static int fail_unknown(const char *command, const char *arg, size_t length, struct error *err)
{
	if (option_is_missing(arg + 2, length - 2)) {
		fail(err, 0, "option %.*s is not supported yet", (int)length, arg);
		return fail_hint(err, "leave it out, if the tree does not need it");
	}
	if (find_long(~0u, arg + 2, length - 2))
		fail(err, 0, "option %.*s is not one of this command", (int)length, arg);
	else
		fail(err, 0, "unknown option %.*s", (int)length, arg);
	return fail_hint(err, "crbpf %s --help", command);
}

/* A number with an optional suffix; @suffixes false: digits only. */
static int parse_number(const char *text, bool suffixes, unsigned long long max,
			unsigned long long *ret)
{
	static const char units[] = "kmgt";
	unsigned int shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	*ret = strtoull(text, &end, 10);
	if (suffixes && *end) {
		unit = strchr(units, tolower((unsigned char)*end));
		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	if (errno || *end || *ret > max >> shift)
		return -EINVAL;
	*ret <<= shift;
	return 0;
}

static int add_word(struct words *words, const char *word)
{
	const char **slot = array_add(words->word, words->n);

	if (!slot)
		return -ENOMEM;
	*slot = word;
	return 0;
}

static int add_inherited(struct words *words, const struct option_row *row, const char *value,
			 struct error *err)
{
	int fd;

	if (!inherit_is_word(value, &fd)) {
		fail(err, 0, "option --%s: wrong value '%s'", row->name, value);
		return fail_hint(err, "%s", row->argument);
	}
	if (fcntl(fd, F_GETFD) < 0)
		return fail(err, errno, "option --%s: descriptor %d", row->name, fd);
	return add_word(words, value) ? fail(err, ENOMEM, "option --%s", row->name) : 0;
}

static int set_value(struct options *opt, const struct option_row *row, const char *value,
		     struct error *err)
{
	void *field = (char *)opt + row->offset;
	unsigned long long number = 0;
	int ret = 0;

	switch (row->value) {
	case VALUE_NONE:
		*(bool *)field = true;
		break;
	case VALUE_TEXT:
		if (!*value)
			ret = -EINVAL;
		*(const char **)field = value;
		break;
	case VALUE_NUMBER:
		ret = parse_number(value, false, INT_MAX, &number);
		*(unsigned int *)field = (unsigned int)number;
		break;
	case VALUE_BYTES:
		ret = parse_number(value, true, INT64_MAX, &number);
		*(unsigned long long *)field = number;
		break;
	case VALUE_PID:
		ret = parse_number(value, false, INT_MAX, &number);
		if (!number)
			ret = -EINVAL;
		*(pid_t *)field = (pid_t)number;
		break;
	case VALUE_PIDS:
		ret = parse_number(value, false, INT_MAX, &number);
		if (!ret)
			ret = number ? pids_add(field, (pid_t)number) : -EINVAL;
		if (ret == -ENOMEM)
			return fail(err, ENOMEM, "option --%s", row->name);
		break;
	case VALUE_FD:
		ret = parse_number(value, false, INT_MAX, &number);
		if (!ret && fcntl((int)number, F_GETFD) < 0)
			return fail(err, errno, "option --%s: descriptor %s", row->name, value);
		*(int *)field = (int)number;
		break;
	case VALUE_CPU_CAP:
		ret = cpucap_parse(*value ? value : NULL, field);
		break;
	case VALUE_EXTERNAL:
		/* CRIU's other types would change what is done: none is ignored in silence. */
		if (!external_is_word(value)) {
			fail(err, 0, "option --%s: '%s' is not supported", row->name, value);
			return fail_hint(err, "%s", row->argument);
		}
		ret = add_word(field, value);
		if (ret)
			return fail(err, ENOMEM, "option --%s", row->name);
		break;
	case VALUE_INHERIT:
		return add_inherited(field, row, value, err);
	case VALUE_WORDS:
	case VALUE_OPERANDS:
		ret = *value ? add_word(field, value) : -EINVAL;
		if (ret == -ENOMEM)
			return fail(err, ENOMEM, "option --%s", row->name);
		break;
	case VALUE_LEVEL:
	case VALUE_IGNORED:
	case VALUE_IGNORED_FLAG:
		break;
	}
	if (ret)
		return fail(err, 0, "option --%s: wrong value '%s'", row->name, value);
	return 0;
}

/*
 * "-v", "-vv", "-vvv", "-v4", "--verbosity", "--verbosity=4", and what callers of CRIU write,
 * "-verbosity=4". @rest is what follows the name.
 */
static int set_level(struct options *opt, const char *rest, struct error *err)
{
	static const char odd[] = "erbosity=";
	unsigned long long level;

	if (!strncmp(rest, odd, strlen(odd)))
		rest += strlen(odd);
	if (!*rest) {
		opt->verbosity++;
		return 0;
	}
	if (!parse_number(rest, false, 4, &level)) {
		opt->verbosity = (int)level;
		return 0;
	}
	for (const char *s = rest; *s; s++)
		if (*s != 'v')
			return fail(err, 0, "option -v: wrong level '%s'", rest);
	opt->verbosity += 1 + (int)strlen(rest);
	return 0;
}

static int parse_long(struct options *opt, enum options_for what, char **argv, int *i,
		      struct error *err)
{
	const char *arg = argv[*i], *value = strchr(arg, '=');
	size_t length = value ? (size_t)(value - arg) : strlen(arg);
	const struct option_row *row = find_long(what, arg + 2, length - 2);

	if (!row)
		return fail_unknown(argv[0], arg, length, err);
	if (row->value == VALUE_LEVEL)
		return set_level(opt, value ? value + 1 : "", err);
	if (row->value == VALUE_CPU_CAP)
		return set_value(opt, row, value ? value + 1 : "", err);
	/* CRIU's --manage-cgroups has an optional value. */
	if (!option_takes_value(row))
		return value && row->value != VALUE_IGNORED_FLAG ?
			       fail(err, 0, "option --%s takes no value", row->name) :
			       set_value(opt, row, "", err);
	value = value ? value + 1 : argv[++*i];
	if (!value)
		return fail(err, 0, "option --%s needs a value", row->name);
	return set_value(opt, row, value, err);
}

/* One argument of single letters: "-jR", "-D/dir", "-D" and then "/dir". */
static int parse_short(struct options *opt, enum options_for what, char **argv, int *i,
		       struct error *err)
{
	for (const char *s = argv[*i] + 1; *s; s++) {
		const struct option_row *row = find_short(what, *s);
		const char *value = "";
		int ret;

		if (!row) {
			fail(err, 0, "unknown option -%c", *s);
			return fail_hint(err, "crbpf %s --help", argv[0]);
		}
		if (row->value == VALUE_LEVEL)
			return set_level(opt, s + 1, err);
		if (option_takes_value(row))
			value = s[1] ? s + 1 : argv[++*i];
		if (!value)
			return fail(err, 0, "option -%c needs a value", row->letter);
		ret = set_value(opt, row, value, err);
		if (ret || option_takes_value(row))
			return ret;
	}
	return 0;
}

static int parse_operand(struct options *opt, enum options_for what, char **argv, int i,
			 struct error *err)
{
	const struct option_row *row = find_operands(what);

	if (row)
		return set_value(opt, row, argv[i], err);
	fail(err, 0, "stray word '%s'", argv[i]);
	return fail_hint(err, "crbpf %s --help", argv[0]);
}

static int read_snapshot(struct options *opt, struct error *err)
{
	static const char *const words[] = { "auto", "always", "never" };

	for (size_t i = 0; opt->snapshot_when && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(opt->snapshot_when, words[i])) {
			opt->snapshot = (enum snapshot_when)i;
			return 0;
		}
	if (!opt->snapshot_when)
		return 0;
	fail(err, 0, "--snapshot cannot be '%s'", opt->snapshot_when);
	return fail_hint(err, "--snapshot auto, always or never");
}

/* What single options cannot tell. */
static int check_together(struct options *opt, enum options_for what, const char *command,
			  struct error *err)
{
	if (opt->help) {
		print_help(what, command);
		return 0;
	}
	if (what == OPTIONS_DUMP && !opt->pid) {
		fail(err, 0, "no process was named");
		return fail_hint(err, "crbpf dump --tree PID -D DIR");
	}
	if (find_operands(what) && !opt->operands.n) {
		fail(err, 0, "no directory or file is named");
		return fail_hint(err, "crbpf %s --help", command);
	}
	if (opt->leave_running && opt->leave_stopped)
		return fail(err, 0, "--leave-running and --leave-stopped exclude each other");
	return read_snapshot(opt, err);
}

int options_parse(struct options *opt, enum options_for what, int argc, char **argv,
		  struct error *err)
{
	int ret = 0;

	*opt = (struct options){ .images_dir = ".",
				 .timeout = 10,
				 .cpu_cap = CPU_CAP_DEFAULT,
				 .status_fd = -1,
				 .work_dirfd = -1 };
	for (int i = 1; i < argc && !ret; i++) {
		if (argv[i][0] != '-' || !argv[i][1])
			ret = parse_operand(opt, what, argv, i, err);
		else
			ret = argv[i][1] == '-' ? parse_long(opt, what, argv, &i, err) :
						  parse_short(opt, what, argv, &i, err);
	}
	if (!ret)
		ret = check_together(opt, what, argv[0], err);
	if (ret || opt->help)
		options_deinit(opt);
	return ret;
}

int options_open(struct options *opt, struct log *log, struct error *err)
{
	const char *dir = opt->work_dir ?: opt->images_dir;
	int ret;

	if (opt->verbosity)
		log->level = (enum log_level)(opt->verbosity > LOG_DEBUG ? LOG_DEBUG : opt->verbosity);
	opt->work_dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opt->work_dirfd < 0)
		return fail(err, errno, "cannot open directory %s", dir);
	if (!opt->log_file)
		return 0;
	ret = log_open(log, opt->work_dirfd, opt->log_file);
	if (ret)
		return fail(err, ret, "cannot create log file %s", opt->log_file);
	return 0;
}

void options_deinit(struct options *opt)
{
	if (opt->work_dirfd >= 0)
		close(opt->work_dirfd);
	opt->work_dirfd = -1;
	pids_deinit(&opt->pids);
	free(opt->features.word);
	free(opt->external.word);
	free(opt->inherit.word);
	free(opt->operands.word);
	opt->features = opt->external = opt->inherit = opt->operands = (struct words){ 0 };
}
