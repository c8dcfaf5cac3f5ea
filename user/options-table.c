// SPDX-License-Identifier: GPL-2.0-only
#include "options-table.h"

#include <string.h>

#define DR (OPTIONS_DUMP | OPTIONS_RESTORE)
#define DRC (DR | OPTIONS_CPUINFO)
#define ALL (DRC | OPTIONS_SCAN | OPTIONS_CHECK | OPTIONS_SHOW | OPTIONS_VERIFY)

#define FIELD(member) offsetof(struct options, member)

static const struct option_row rows[] = {
	{ "tree", 't', OPTIONS_DUMP, VALUE_PID, FIELD(pid), "PID",
	  "the process whose tree is meant (--pid is the same)" },
	{ "pid", 'p', OPTIONS_DUMP, VALUE_PID, FIELD(pid), "PID", NULL },
	{ "pid", 'p', OPTIONS_SCAN, VALUE_PIDS, FIELD(pids), "PID",
	  "look at the tree of this process only; may be repeated" },
	{ "tree", 't', OPTIONS_SCAN, VALUE_PIDS, FIELD(pids), "PID", NULL },
	{ "all", 'a', OPTIONS_SCAN, VALUE_IGNORED_FLAG, 0, NULL,
	  "look at every tree of the machine (as without --pid)" },
	{ "fds", 0, OPTIONS_SCAN, VALUE_NONE, FIELD(fds), NULL,
	  "list every descriptor and its state" },
	{ "pin", 0, OPTIONS_SCAN, VALUE_NONE, FIELD(pin), NULL,
	  "only leave the BPF programs in the kernel, for later calls" },
	{ "unpin", 0, OPTIONS_SCAN, VALUE_NONE, FIELD(unpin), NULL,
	  "only remove BPF programs left there" },
	{ "images-dir", 'D', DRC | OPTIONS_CHECK, VALUE_TEXT, FIELD(images_dir), "DIR",
	  "where the images are (default: the current directory)" },
	{ "work-dir", 'W', DRC | OPTIONS_CHECK, VALUE_TEXT, FIELD(work_dir), "DIR",
	  "where logs, pidfile and statistics go (default: the images' directory)" },
	{ "log-file", 'o', DRC | OPTIONS_CHECK, VALUE_TEXT, FIELD(log_file), "FILE",
	  "log to FILE, relative to the work directory (default: standard error)" },
	{ "verbosity", 'v', DRC | OPTIONS_SCAN | OPTIONS_CHECK, VALUE_LEVEL, FIELD(verbosity), "[N]",
	  "-v, -vv, -v4: log more; 1 errors, 2 warnings (default), 3 stages, 4 everything" },
	{ "leave-running", 'R', OPTIONS_DUMP, VALUE_NONE, FIELD(leave_running), NULL,
	  "let the tree run on after the dump" },
	{ "snapshot", 0, OPTIONS_DUMP, VALUE_TEXT, FIELD(snapshot_when), "WHEN",
	  "with -R, save memory from clones while the tree runs on: auto (default), always, never" },
	{ "leave-stopped", 's', OPTIONS_DUMP, VALUE_NONE, FIELD(leave_stopped), NULL,
	  "leave the tree stopped (SIGSTOP) after the dump" },
	{ "restore-detached", 'd', OPTIONS_RESTORE, VALUE_NONE, FIELD(detach), NULL,
	  "return as soon as the tree runs (--detach is the same)" },
	{ "detach", 0, OPTIONS_RESTORE, VALUE_NONE, FIELD(detach), NULL, NULL },
	{ "restore-sibling", 'S', OPTIONS_RESTORE, VALUE_NONE, FIELD(sibling), NULL,
	  "make the root of the tree a child of crbpf's parent (with -d)" },
	{ "pidfile", 0, DR, VALUE_TEXT, FIELD(pidfile), "FILE",
	  "write the pid of the tree's root there" },
	{ "shell-job", 'j', DR | OPTIONS_SCAN, VALUE_NONE, FIELD(shell_job), NULL,
	  "the tree is a job of a shell: session and terminal belong to others" },
	{ "file-locks", 'l', DR | OPTIONS_SCAN, VALUE_NONE, FIELD(file_locks), NULL,
	  "file locks are held; carry them" },
	{ "tcp-established", 0, DR | OPTIONS_SCAN, VALUE_NONE, FIELD(tcp_established), NULL,
	  "connected TCP sockets may be met" },
	{ "ext-unix-sk", 'x', DR | OPTIONS_SCAN, VALUE_NONE, FIELD(ext_unix_sk), NULL,
	  "unix sockets may be connected to processes outside the tree" },
	{ "external", 0, DR | OPTIONS_SCAN, VALUE_EXTERNAL, FIELD(external),
	  "pidfd[PID]|file[MNT:INODE]|tty[RDEV:DEV]|unix[INODE]|pipe[INODE]",
	  "it belongs to others: the tree may hold it, and restore is given it" },
	{ "inherit-fd", 0, OPTIONS_RESTORE, VALUE_INHERIT, FIELD(inherit), "fd[NUMBER]:NAME",
	  "this open descriptor is what NAME was: file[], tty[], socket:[], pipe:[] or a path" },
	{ "link-remap", 0, DR | OPTIONS_SCAN, VALUE_NONE, FIELD(link_remap), NULL,
	  "may link files whose name is gone but which have other names" },
	{ "ghost-limit", 0, OPTIONS_DUMP | OPTIONS_SCAN, VALUE_BYTES, FIELD(ghost_limit), "SIZE",
	  "largest deleted file whose content is kept; suffix k, m, g (default: no limit)" },
	{ "timeout", 0, OPTIONS_DUMP, VALUE_NUMBER, FIELD(timeout), "SECONDS",
	  "longest time to bring the tree to a stop (default 10)" },
	{ "cpu-cap", 0, DRC, VALUE_CPU_CAP, FIELD(cpu_cap), "[=CAP,...]",
	  "what of the processor counts: fpu, ins, cpu, image, all, none; ^ before one: not that" },
	{ "display-stats", 0, DR, VALUE_NONE, FIELD(display_stats), NULL,
	  "print times and sizes at the end" },
	{ "status-fd", 0, DR, VALUE_FD, FIELD(status_fd), "FD",
	  "write a zero byte there when ready to begin" },
	{ "overwrite", 0, OPTIONS_DUMP, VALUE_NONE, FIELD(yes_overwrite), NULL,
	  "replace a checkpoint that the directory holds already" },
	{ "no-cache", 0, OPTIONS_DUMP | OPTIONS_SCAN, VALUE_NONE, FIELD(no_cache), NULL,
	  "load the BPF programs anew, neither use nor leave pinned ones" },
	{ "json", 0, OPTIONS_SCAN | OPTIONS_CHECK, VALUE_NONE, FIELD(json), NULL,
	  "print for scripts" },
	{ "json", 'j', OPTIONS_SHOW, VALUE_NONE, FIELD(json), NULL,
	  "everything as JSON, of a directory every image" },
	{ "feature", 0, OPTIONS_CHECK, VALUE_WORDS, FIELD(features), "FEATURE",
	  "only this one: exit status 0 supported, 1 not, 2 no such name (`list` prints them)" },
	{ "extra", 0, OPTIONS_CHECK, VALUE_NONE, FIELD(extra), NULL,
	  "also what crbpf itself does not need" },
	{ "all", 0, OPTIONS_CHECK, VALUE_NONE, FIELD(extra), NULL, "the same" },
	{ "experimental", 0, OPTIONS_CHECK, VALUE_NONE, FIELD(extra), NULL, NULL },
	{ "sysroot", 0, OPTIONS_CHECK, VALUE_TEXT, FIELD(sysroot), "DIR",
	  "for tests: os-release and other facts are below DIR" },
	{ "help", 'h', ALL, VALUE_NONE, FIELD(help), NULL, "print this" },

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
	{ "no-default-config", 0, DR | OPTIONS_CHECK, VALUE_IGNORED_FLAG, 0, NULL, NULL },
	{ "pre-dump-mode", 0, OPTIONS_DUMP, VALUE_IGNORED, 0, NULL, NULL },
	{ "log-pid", 0, DR, VALUE_IGNORED_FLAG, 0, NULL, NULL },

	{ "images-dir", 'D', OPTIONS_SHOW | OPTIONS_VERIFY, VALUE_WORDS, FIELD(operands), "DIR",
	  "the same as DIR" },
	{ "DIR|FILE...", 0, OPTIONS_SHOW, VALUE_OPERANDS, FIELD(operands), NULL,
	  "checkpoints are summed up, images of any name printed as crit does" },
	{ "dump|check", 0, OPTIONS_CPUINFO, VALUE_OPERANDS, FIELD(operands), NULL,
	  "write cpuinfo.img, or compare it with this processor" },
	{ "DIR", 0, OPTIONS_VERIFY, VALUE_OPERANDS, FIELD(operands), NULL, "the checkpoint" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* CRIU's options that would change what is done, and are not there yet: never ignored in silence. */
static const char *const missing[] = {
	"action-script", "address", "apparmor", "auto-dedup", "auto-ext-mnt", "cgroup-dump-controller",
	"cgroup-props", "cgroup-props-file", "cgroup-root", "cgroup-yard", "config", "daemon",
	"empty-ns", "enable-external-masters", "enable-external-sharing", "enable-fs", "exec-cmd",
	"ext-mount-map", "file-validation", "freeze-cgroup", "images-fd",
	"irmap-scan-path", "join-ns", "lazy-pages", "lsm-mount-context", "lsm-profile",
	"mntns-compat-mode", "page-server", "port", "prev-images-dir", "ps-socket", "root",
	"skip-file-rwx-check", "skip-mnt", "stream", "tcp-close", "timens-offset", "tls", "tls-cacert",
	"tls-cacrl", "tls-cert", "tls-key", "tls-no-cn-verify", "veth-pair", "weak-sysctls",
};


const struct option_row *option_next(enum options_for what, const struct option_row *row)
{
	for (row = row ? row + 1 : rows; row < rows + N_ROWS; row++)
		if (row->commands & what)
			return row;
	return NULL;
}

bool option_takes_value(const struct option_row *row)
{
	return row->value != VALUE_NONE && row->value != VALUE_LEVEL &&
	       row->value != VALUE_CPU_CAP &&
	       row->value != VALUE_OPERANDS && row->value != VALUE_IGNORED_FLAG;
}

bool option_is_missing(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		if (strlen(missing[i]) == length && !strncmp(name, missing[i], length))
			return true;
	return false;
}
