/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_OPTIONS_H
#define CRBPF_OPTIONS_H

/*
 * What the user asked for, in CRIU's words. One struct for all commands; each
 * command reads what concerns it, and refuses options that it does not know.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/proc.h"

struct error;
struct log;

enum options_for {
	OPTIONS_DUMP = 1,
	OPTIONS_RESTORE = 2,
	OPTIONS_SCAN = 4,
	OPTIONS_CHECK = 8,
	OPTIONS_SHOW = 16,
	OPTIONS_VERIFY = 32,
	OPTIONS_CPUINFO = 64,
};

/* What may be given more than once; the words themselves are argv's. */
struct words {
	const char **word;	/* owned by the options */
	size_t n;
};

struct options {
	pid_t pid;			/* -t, --tree, --pid; 0 if not given */
	struct pids pids;		/* the same where there may be several */
	const char *images_dir;		/* -D, --images-dir; "." */
	const char *work_dir;		/* -W, --work-dir; NULL: the images' */
	const char *log_file;		/* -o, --log-file; NULL: standard error */
	const char *pidfile;		/* --pidfile, relative to the work dir */
	int verbosity;			/* -v, -vN */
	bool leave_running;		/* -R */
	bool leave_stopped;		/* -s */
	const char *snapshot_when;	/* --snapshot, as it was given; NULL: not */
	enum snapshot_when {
		SNAPSHOT_AUTO,		/* where it pays */
		SNAPSHOT_ALWAYS,	/* of everything that can be cloned */
		SNAPSHOT_NEVER,
	} snapshot;			/* with -R: clone, and read memory while the tree runs */
	bool detach;			/* -d, --restore-detached */
	bool sibling;			/* -S, --restore-sibling */
	bool shell_job;			/* -j */
	bool file_locks;		/* -l */
	bool tcp_established;
	bool ext_unix_sk;		/* -x */
	bool link_remap;
	bool display_stats;
	bool no_cache;			/* --no-cache: load the BPF programs anew */
	bool yes_overwrite;		/* --overwrite: the directory may hold images */
	bool json;
	bool fds;			/* --fds: list every descriptor */
	bool pin, unpin;		/* --pin, --unpin: the BPF programs */
	bool extra;			/* --extra, --all */
	struct words features;		/* --feature */
	struct words external;		/* --external: TYPE[ID], checked */
	struct words inherit;		/* --inherit-fd: fd[NUMBER]:NAME, checked, and open */
	const char *sysroot;		/* --sysroot; NULL: this system */
	struct words operands;		/* what is no option, where a command takes that */
	unsigned int cpu_cap;		/* --cpu-cap: CPU_CAP_* of arch/arch.h; CPU_CAP_DEFAULT */
	unsigned int timeout;		/* --timeout, seconds for freezing; 10 */
	unsigned long long ghost_limit;	/* --ghost-limit, bytes; 0: none */
	int status_fd;			/* --status-fd; -1 */
	int work_dirfd;			/* opened by options_open_dirs; -1 */
	bool help;			/* --help: was printed, nothing else is to be done */
};

/*
 * Reads the options of a command. argv[0] is its name. An unknown option, a
 * missing value or a stray word is an error with a hint; options may be repeated
 * (the last one counts). Returns 0 or -errno; after that, and
 * after --help, there is nothing to give back.
 */
int options_parse(struct options *opt, enum options_for what, int argc, char **argv,
		  struct error *err);

/*
 * Opens the work directory and the log file (created even if all else fails
 * later). Returns 0 or -errno. options_deinit closes.
 */
int options_open(struct options *opt, struct log *log, struct error *err);
void options_deinit(struct options *opt);

#endif
