// SPDX-License-Identifier: GPL-2.0-only
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

#include "lib/err.h"
#include "lib/log.h"

enum option_value {
	VALUE_NONE,	/* sets a bool */
	VALUE_TEXT,	/* a pointer into argv */
	VALUE_NUMBER,	/* unsigned int */
	VALUE_BYTES,	/* unsigned long long, with a suffix k, m or g */
	VALUE_PID,	/* pid_t above 0 */
	VALUE_FD,	/* int, an open descriptor */
	VALUE_LEVEL,	/* -v, -vv, -v4 */
	VALUE_IGNORED,	/* taken with its value, without effect; offset counts for nothing */
	VALUE_IGNORED_FLAG,	/* the same without a value */
};

#define DR (OPTIONS_DUMP | OPTIONS_RESTORE)

struct option_row {
	const char *name;
	char letter;		/* 0: none */
	unsigned int commands;	/* enum options_for */
	enum option_value value;
	size_t offset;		/* in struct options */
	const char *argument;	/* for --help */
	const char *help;	/* NULL: not shown (a synonym) */
};

#define FIELD(member) offsetof(struct options, member)

static const struct option_row rows[] = {
	{ "tree", 't', OPTIONS_DUMP | OPTIONS_SCAN, VALUE_PID, FIELD(pid), "PID",
	  "the process whose tree is meant (--pid is the same)" },
	{ "pid", 'p', OPTIONS_DUMP | OPTIONS_SCAN, VALUE_PID, FIELD(pid), "PID", NULL },
	{ "images-dir", 'D', DR, VALUE_TEXT, FIELD(images_dir), "DIR",
	  "where the images are (default: the current directory)" },
	{ "work-dir", 'W', DR, VALUE_TEXT, FIELD(work_dir), "DIR",
	  "where logs, pidfile and statistics go (default: the images' directory)" },
	{ "log-file", 'o', DR, VALUE_TEXT, FIELD(log_file), "FILE",
	  "log to FILE, relative to the work directory (default: standard error)" },
	{ "verbosity", 'v', DR | OPTIONS_SCAN, VALUE_LEVEL, FIELD(verbosity), "[N]",
	  "-v, -vv, -v4: log more; 1 errors, 2 warnings (default), 3 stages, 4 everything" },
	{ "leave-running", 'R', OPTIONS_DUMP, VALUE_NONE, FIELD(leave_running), NULL,
	  "let the tree run on after the dump" },
	{ "leave-stopped", 's', OPTIONS_DUMP, VALUE_NONE, FIELD(leave_stopped), NULL,
	  "leave the tree stopped (SIGSTOP) after the dump" },
	{ "restore-detached", 'd', OPTIONS_RESTORE, VALUE_NONE, FIELD(detach), NULL,
	  "return as soon as the tree runs (--detach is the same)" },
	{ "detach", 0, OPTIONS_RESTORE, VALUE_NONE, FIELD(detach), NULL, NULL },
	{ "restore-sibling", 'S', OPTIONS_RESTORE, VALUE_NONE, FIELD(sibling), NULL,
	  "make the root of the tree a child of crbpf's parent (with -d)" },
	{ "pidfile", 0, DR, VALUE_TEXT, FIELD(pidfile), "FILE",
	  "write the pid of the tree's root there" },
	{ "shell-job", 'j', DR, VALUE_NONE, FIELD(shell_job), NULL,
	  "the tree is a job of a shell: session and terminal belong to others" },
	{ "file-locks", 'l', DR, VALUE_NONE, FIELD(file_locks), NULL,
	  "file locks are held; carry them" },
	{ "tcp-established", 0, DR, VALUE_NONE, FIELD(tcp_established), NULL,
	  "connected TCP sockets may be met" },
	{ "ext-unix-sk", 'x', DR, VALUE_NONE, FIELD(ext_unix_sk), NULL,
	  "unix sockets may be connected to processes outside the tree" },
	{ "link-remap", 0, OPTIONS_DUMP | OPTIONS_RESTORE, VALUE_NONE, FIELD(link_remap), NULL,
	  "may link files whose name is gone but which have other names" },
	{ "ghost-limit", 0, OPTIONS_DUMP, VALUE_BYTES, FIELD(ghost_limit), "SIZE",
	  "largest deleted file whose content is kept; suffix k, m, g (default 64m)" },
	{ "timeout", 0, OPTIONS_DUMP, VALUE_NUMBER, FIELD(timeout), "SECONDS",
	  "longest time to bring the tree to a stop (default 10)" },
	{ "display-stats", 0, DR, VALUE_NONE, FIELD(display_stats), NULL,
	  "print times and sizes at the end" },
	{ "status-fd", 0, DR, VALUE_FD, FIELD(status_fd), "FD",
	  "write a zero byte there when ready to begin" },
	{ "overwrite", 0, OPTIONS_DUMP, VALUE_NONE, FIELD(yes_overwrite), NULL,
	  "replace a checkpoint that the directory holds already" },
	{ "no-cache", 0, OPTIONS_DUMP | OPTIONS_SCAN, VALUE_NONE, FIELD(no_cache), NULL,
	  "load the BPF programs anew, neither use nor leave pinned ones" },
	{ "json", 0, OPTIONS_SCAN, VALUE_NONE, FIELD(json), NULL, "print for scripts" },
	{ "help", 'h', DR | OPTIONS_SCAN, VALUE_NONE, FIELD(help), NULL, "print this" },

	/*
	 * CRIU's options that runtimes and scripts pass always, and that ask for nothing
	 * beyond what is done anyway as long as the tree lives in crbpf's namespaces and
	 * cgroups are left alone.
	 */
	{ "manage-cgroups", 0, DR, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "manage-cgroups-mode", 0, DR, VALUE_IGNORED, 0, NULL, NULL },
	{ "evasive-devices", 0, DR, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "force-irmap", 0, DR, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "track-mem", 0, OPTIONS_DUMP, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "unprivileged", 0, DR, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "tcp-close", 0, OPTIONS_RESTORE, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "skip-in-flight", 0, OPTIONS_DUMP, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "network-lock", 0, DR, VALUE_IGNORED, 0, NULL, NULL },
	{ "ghost-fiemap", 0, OPTIONS_DUMP, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "no-default-config", 0, DR, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "pre-dump-mode", 0, OPTIONS_DUMP, VALUE_IGNORED, 0, NULL, NULL },
	{ "log-pid", 0, DR, VALUE_IGNORED_FLAG, 0, NULL, NULL },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* CRIU's options that would change what is done, and are not there yet: never ignored in silence. */
static const char *const missing[] = {
	"action-script", "address", "apparmor", "auto-dedup", "auto-ext-mnt", "cgroup-dump-controller",
	"cgroup-props", "cgroup-props-file", "cgroup-root", "cgroup-yard", "config", "cpu-cap", "daemon",
	"empty-ns", "enable-external-masters", "enable-external-sharing", "enable-fs", "exec-cmd",
	"external", "ext-mount-map", "feature", "file-validation", "freeze-cgroup", "images-fd",
	"inherit-fd", "irmap-scan-path", "join-ns", "lazy-pages", "lsm-mount-context", "lsm-profile",
	"mntns-compat-mode", "page-server", "port", "prev-images-dir", "ps-socket", "root",
	"skip-file-rwx-check", "skip-mnt", "stream", "tcp-close", "timens-offset", "tls", "tls-cacert",
	"tls-cacrl", "tls-cert", "tls-key", "tls-no-cn-verify", "veth-pair", "weak-sysctls",
};

static const char *command_name(enum options_for what)
{
	return what == OPTIONS_DUMP ? "dump" : what == OPTIONS_RESTORE ? "restore" : "scan";
}

static void print_help(enum options_for what)
{
	printf("usage: crbpf %s [OPTION]...\n\nOptions:\n", command_name(what));
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct option_row *row = &rows[i];
		char left[64];

		if (!(row->commands & what) || !row->help)
			continue;
		snprintf(left, sizeof(left), "%c%c%s--%s%s%s", row->letter ? '-' : ' ',
			 row->letter ?: ' ', row->letter ? ", " : "  ", row->name,
			 row->argument ? " " : "", row->argument ?: "");
		printf("  %-26s %s\n", left, row->help);
	}
	puts("\nOptions of CRIU with the same name mean the same.");
}

static const struct option_row *find_long(enum options_for what, const char *name, size_t length)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if ((rows[i].commands & what) && strlen(rows[i].name) == length &&
		    !strncmp(rows[i].name, name, length))
			return &rows[i];
	return NULL;
}

static const struct option_row *find_short(enum options_for what, char letter)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if ((rows[i].commands & what) && rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static bool takes_value(const struct option_row *row)
{
	return row->value != VALUE_NONE && row->value != VALUE_LEVEL &&
	       row->value != VALUE_IGNORED_FLAG;
}

static int fail_unknown(enum options_for what, const char *arg, size_t length, struct error *err)
{
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		if (strlen(missing[i]) + 2 != length || strncmp(arg + 2, missing[i], length - 2))
			continue;
		fail(err, 0, "option %.*s is not supported yet", (int)length, arg);
		return fail_hint(err, "leave it out, if the tree does not need it");
	}
	for (size_t i = 0; i < N_ROWS; i++) {
		if (length < 2 || strlen(rows[i].name) + 2 != length ||
		    strncmp(arg + 2, rows[i].name, length - 2))
			continue;
		fail(err, 0, "option %.*s is not one of this command", (int)length, arg);
		return fail_hint(err, "crbpf %s --help", command_name(what));
	}
	fail(err, 0, "unknown option %.*s", (int)length, arg);
	return fail_hint(err, "crbpf %s --help", command_name(what));
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
	case VALUE_FD:
		ret = parse_number(value, false, INT_MAX, &number);
		if (!ret && fcntl((int)number, F_GETFD) < 0)
			return fail(err, errno, "option --%s: descriptor %s", row->name, value);
		*(int *)field = (int)number;
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

/* "-v", "-vv", "-vvv", "-v4", "--verbosity", "--verbosity=4". @rest is what follows the name. */
static int set_level(struct options *opt, const char *rest, struct error *err)
{
	unsigned long long level;

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
		return fail_unknown(what, arg, length, err);
	if (row->value == VALUE_LEVEL)
		return set_level(opt, value ? value + 1 : "", err);
	/* CRIU's --manage-cgroups has an optional value. */
	if (!takes_value(row))
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
			return fail_hint(err, "crbpf %s --help", command_name(what));
		}
		if (row->value == VALUE_LEVEL)
			return set_level(opt, s + 1, err);
		if (takes_value(row))
			value = s[1] ? s + 1 : argv[++*i];
		if (!value)
			return fail(err, 0, "option -%c needs a value", row->letter);
		ret = set_value(opt, row, value, err);
		if (ret || takes_value(row))
			return ret;
	}
	return 0;
}

int options_parse(struct options *opt, enum options_for what, int argc, char **argv,
		  struct error *err)
{
	int ret = 0;

	*opt = (struct options){ .images_dir = ".",
				 .timeout = 10,
				 .ghost_limit = 64ull << 20,
				 .status_fd = -1,
				 .work_dirfd = -1 };
	for (int i = 1; i < argc && !ret; i++) {
		if (argv[i][0] != '-' || !argv[i][1]) {
			fail(err, 0, "stray word '%s'", argv[i]);
			return fail_hint(err, "crbpf %s --help", command_name(what));
		}
		ret = argv[i][1] == '-' ? parse_long(opt, what, argv, &i, err) :
					  parse_short(opt, what, argv, &i, err);
	}
	if (ret)
		return ret;
	if (opt->help)
		print_help(what);
	else if (what == OPTIONS_DUMP && !opt->pid) {
		fail(err, 0, "no process was named");
		return fail_hint(err, "crbpf dump --tree PID -D DIR");
	}
	if (opt->leave_running && opt->leave_stopped)
		return fail(err, 0, "--leave-running and --leave-stopped exclude each other");
	return 0;
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
}
