// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check/groups.h"
#include "lib/cleanup.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef MOVE_MOUNT_SET_GROUP
#define MOVE_MOUNT_SET_GROUP 0x100
#endif

static const struct {
	const char *name;
	int flag;
} kinds[] = {
	{ "userns", CLONE_NEWUSER }, { "pidns", CLONE_NEWPID }, { "mntns", CLONE_NEWNS },
	{ "netns", CLONE_NEWNET },   { "ipcns", CLONE_NEWIPC }, { "utsns", CLONE_NEWUTS },
	{ "cgroupns", CLONE_NEWCGROUP }, { "timens", CLONE_NEWTIME },
};

/* By itself, so that it can be told what the caller may do and what the kernel has. */
static void enter(const struct check *c, const struct probe *p, struct answer *a)
{
	size_t i = 0;
	int ret;

	while (strcmp(kinds[i].name, p->name))
		i++;
	ret = unshare(kinds[i].flag);
	if (ret && errno == ENOSPC)
		answer_no(a, "the limit below /proc/sys/user is reached, or 0");
	else if (ret && errno == EPERM && kinds[i].flag == CLONE_NEWUSER)
		answer_no(a, "not permitted by this system's settings");
	else
		answer_call(a, ret, CAP_BIT(CAP_SYS_ADMIN), "unshare");
}

static void ns_pid(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	answer_no(a, "/proc/PID/status has no NSpid");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "NSpid:", 6))
			answer_yes(a, "%s", "");
}

/* A mount joins the group of another of the same tree, which shares its mounts. */
static void set_group(const struct check *c, const struct probe *p, struct answer *a)
{
	if (scratch_enter(CLONE_NEWNS, a))
		return;
	if (mkdir("/tmp/to", 0700) || mount("/tmp", "/tmp/to", NULL, MS_BIND, NULL) ||
	    mount(NULL, "/tmp/to", NULL, MS_PRIVATE, NULL) ||
	    mount(NULL, "/tmp", NULL, MS_SHARED, NULL)) {
		answer_failed(a, errno, 0, "mount");
		return;
	}
	answer_call(a,
		    syscall(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, "/tmp/to",
			    MOVE_MOUNT_SET_GROUP),
		    CAP_BIT(CAP_SYS_ADMIN), "MOVE_MOUNT_SET_GROUP");
}

/* May a new user namespace own the network of another? CRIU's name for a runtime's own network. */
static void external_net(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (old < 0 || scratch_enter(CLONE_NEWNET, a))
		return;
	answer_call(a, setns(old, CLONE_NEWNET), CAP_BIT(CAP_SYS_ADMIN),
		    "a network namespace cannot be joined");
}

#define NAMESPACE(name_, criu_, what_, option_)                                                    \
	{ name_, criu_, what_, NEED_EXTRA, NULL, REMEDY_KERNEL, option_, NULL, NULL, enter }

static const struct probe probes[] = {
	NAMESPACE("pidns", NULL, "pid namespaces", "CONFIG_PID_NS"),
	NAMESPACE("mntns", NULL, "mount namespaces", "CONFIG_NAMESPACES"),
	NAMESPACE("netns", NULL, "network namespaces", "CONFIG_NET_NS"),
	NAMESPACE("ipcns", NULL, "IPC namespaces", "CONFIG_IPC_NS"),
	NAMESPACE("utsns", NULL, "UTS namespaces", "CONFIG_UTS_NS"),
	NAMESPACE("userns", "userns", "user namespaces", "CONFIG_USER_NS"),
	NAMESPACE("cgroupns", "cgroupns", "cgroup namespaces", "CONFIG_CGROUPS"),
	NAMESPACE("timens", "timens time_namespace", "time namespaces", "CONFIG_TIME_NS"),
	{ "ns_pid", "ns_pid", "numbers in each pid namespace", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_PID_NS", NULL, NULL, ns_pid },
	{ "external_net_ns", "external_net_ns", "networks of others can be joined", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, "CONFIG_NET_NS", NULL, NULL, external_net },
	{ "move_mount_set_group", "move_mount_set_group", "groups of mounts can be joined",
	  NEED_EXTRA, NULL, REMEDY_KERNEL, NULL, "5.15", NULL, set_group },
};

PROBE_GROUP(probes_namespaces, "namespaces", "Namespaces", probes, false);
