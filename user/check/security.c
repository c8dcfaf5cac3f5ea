// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check/groups.h"

#ifndef SYS_lsm_list_modules
#define SYS_lsm_list_modules 461
#endif

static void ptrace_scope(const struct check *c, const struct probe *p, struct answer *a)
{
	static const char *const words[] = { "as everywhere", "children only", "root only" };
	char text[16];
	int ret = check_read(c, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text));
	int scope = ret ? 0 : atoi(text);

	if (ret == -ENOENT)
		answer_yes(a, "no Yama");
	else if (ret)
		answer_unknown(a, "%s", strerror(-ret));
	else if (scope > 2)
		answer_no(a, "kernel.yama.ptrace_scope = %d: nobody may trace until the next boot",
			  scope);
	else
		answer_yes(a, "%d: %s", scope, words[scope < 0 ? 0 : scope]);
}

/* SELinux lets nobody trace whom the policy would otherwise allow to, where this is set. */
static void selinux_ptrace(const struct check *c, const struct probe *p, struct answer *a)
{
	char text[16];
	int ret = check_read(c, "/sys/fs/selinux/booleans/deny_ptrace", text, sizeof(text));

	if (ret == -ENOENT)
		answer_yes(a, "no SELinux");
	else if (ret)
		answer_unknown(a, "%s", strerror(-ret));
	else if (*text == '0')
		answer_yes(a, "deny_ptrace is off");
	else
		answer_no(a, "deny_ptrace is on");
}

/*
 * A file of securityfs. Where that is not mounted it is, for this process alone; what only
 * root may do. Returns 0, or -1 after having answered; @none is the answer if there is no such file.
 */
static int read_security(const struct check *c, const char *name, char *buf, size_t size,
			 const char *none, struct answer *a)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), "/sys/kernel/security/%s", name);
	ret = check_read(c, path, buf, size);
	if (ret == -ENOENT && !*c->sysroot && access("/sys/kernel/security/lsm", F_OK)) {
		if (scratch_enter(CLONE_NEWNS, a))
			return -1;
		if (mount("crbpf", "/tmp", "securityfs", 0, NULL)) {
			answer_unknown(a, "securityfs is not mounted");
			return -1;
		}
		snprintf(path, sizeof(path), "/tmp/%s", name);
		ret = check_read(c, path, buf, size);
	}
	if (ret == -ENOENT)
		answer_yes(a, "%s", none);
	else if (ret)
		answer_unknown(a, "%s", strerror(-ret));
	return ret ? -1 : 0;
}

static void lockdown(const struct check *c, const struct probe *p, struct answer *a)
{
	char text[64];

	if (read_security(c, "lockdown", text, sizeof(text), "no lockdown", a))
		return;
	if (strstr(text, "[confidentiality]"))
		answer_no(a, "confidentiality: BPF programs may not read the kernel");
	else
		answer_yes(a, "%s", strstr(text, "[integrity]") ? "integrity" : "none");
}

static void seccomp_free(const struct check *c, const struct probe *p, struct answer *a)
{
	if (prctl(PR_GET_SECCOMP))
		answer_no(a, "this process runs under a seccomp filter");
	else
		answer_yes(a, "%s", "");
}

/* Names of LSM_ID_* (linux/lsm.h). */
static void list_modules(struct answer *a, const unsigned long long *ids, size_t n)
{
	static const char *const names[] = { "capability", "selinux",  "smack",	   "tomoyo",
					     "apparmor",   "yama",     "loadpin",  "safesetid",
					     "lockdown",   "bpf",      "landlock", "ima",
					     "evm",	   "ipe" };
	size_t at = 0;

	answer_yes(a, "%s", "");
	for (size_t i = 0; i < n && at < sizeof(a->detail); i++) {
		size_t k = ids[i] - 100;

		if (k < sizeof(names) / sizeof(names[0]))
			at += (size_t)snprintf(a->detail + at, sizeof(a->detail) - at, "%s%s",
					       at ? ", " : "", names[k]);
		else
			at += (size_t)snprintf(a->detail + at, sizeof(a->detail) - at, "%s%llu",
					       at ? ", " : "", ids[i]);
	}
}

static void modules(const struct check *c, const struct probe *p, struct answer *a)
{
	unsigned long long ids[32];
	unsigned int size = sizeof(ids);
	char text[256];
	long n = *c->sysroot ? -1 : syscall(SYS_lsm_list_modules, ids, &size, 0);

	if (n >= 0)
		list_modules(a, ids, (size_t)n);
	else if (!read_security(c, "lsm", text, sizeof(text), "none", a))
		answer_yes(a, "%s", text);
}

static void unprivileged_bpf(const struct check *c, const struct probe *p, struct answer *a)
{
	char text[16];

	if (check_read(c, "/proc/sys/kernel/unprivileged_bpf_disabled", text, sizeof(text)))
		answer_unknown(a, "no such setting");
	else if (*text == '0')
		answer_yes(a, "%s", "");
	else
		answer_no(a, "kernel.unprivileged_bpf_disabled = %s", text);
}

static void apparmor_stacking(const struct check *c, const struct probe *p, struct answer *a)
{
	char text[16];

	if (read_security(c, "apparmor/features/domain/stack", text, sizeof(text), "", a)) {
		if (a->state == ANSWER_YES)
			answer_no(a, "no AppArmor");
	} else if (strncmp(text, "yes", 3)) {
		answer_no(a, "%s", text);
	} else {
		answer_yes(a, "%s", "");
	}
}

static const struct probe probes[] = {
	{ "ptrace_scope", NULL, "Yama lets processes be traced", NEED_ALWAYS, NULL, REMEDY_ADVICE,
	  NULL, NULL, "set kernel.yama.ptrace_scope = 1 in /etc/sysctl.d and reboot", ptrace_scope },
	{ "selinux_ptrace", NULL, "SELinux lets processes be traced", NEED_ALWAYS, NULL,
	  REMEDY_ADVICE, NULL, NULL, "run setsebool -P deny_ptrace off", selinux_ptrace },
	{ "lockdown", NULL, "kernel lockdown lets BPF read", NEED_ALWAYS, NULL, REMEDY_BOOT, NULL,
	  NULL, "lockdown=integrity", lockdown },
	{ "no_seccomp", NULL, "crbpf itself runs without seccomp", NEED_FOR,
	  "processes with seccomp filters", REMEDY_ADVICE, NULL, NULL,
	  "run crbpf outside of the sandbox (podman: --security-opt seccomp=unconfined)",
	  seccomp_free },
	{ "lsm", NULL, "security modules", NEED_FACT, .probe = modules },
	{ "unprivileged_bpf", NULL, "BPF without privilege", NEED_EXTRA, .probe = unprivileged_bpf },
	{ "apparmor_stacking", "apparmor_stacking", "AppArmor profiles stack", NEED_EXTRA,
	  .option = "CONFIG_SECURITY_APPARMOR", .probe = apparmor_stacking },
};

PROBE_GROUP(probes_security, "security", "Security", probes, false);
