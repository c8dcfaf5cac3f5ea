// SPDX-License-Identifier: GPL-2.0-only
/* Who asks, and on what. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "caps.h"
#include "check/groups.h"

static void page_size(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_yes(a, "%ld bytes", sysconf(_SC_PAGESIZE));
}

static void kernel(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_yes(a, "Linux %s, %s", c->distro.release, c->distro.machine);
}

static void distribution(const struct check *c, const struct probe *p, struct answer *a)
{
	if (*c->distro.name)
		answer_yes(a, "%s (%s)", c->distro.name, package_tool_name(c->distro.tool));
	else
		answer_unknown(a, "no os-release");
}

static void withheld(const struct probe *p, struct answer *a)
{
	answer_no(a, "not in the bounding set: not even root can get it here");
	snprintf(a->advice, sizeof(a->advice),
		 "start crbpf from where it was not withheld: in a container, --cap-add=%s; in a "
		 "systemd service, CapabilityBoundingSet=",
		 p->option + strlen("CAP_"));
}

static void confined(struct answer *a)
{
	answer_no(a, "held inside a user namespace only");
	snprintf(a->advice, sizeof(a->advice),
		 "run as root of the machine, outside of any user namespace");
}

/* Named cap_…; p->option is the same in capitals. */
static void capability(const struct check *c, const struct probe *p, struct answer *a)
{
	struct caps own;
	char name[32];
	int cap = 0;

	if (caps_get(&own)) {
		answer_unknown(a, "cannot read the capabilities");
		return;
	}
	while (cap < 64 && strcmp(caps_name(cap, name), p->name + 4))
		cap++;
	if (cap == 64)
		answer_unknown(a, "libcap does not know it");
	else if (a->is_in_namespace && own.effective & CAP_BIT(cap))
		confined(a);
	else if (own.effective & CAP_BIT(cap))
		answer_yes(a, "%s", "");
	else if (!(own.bounding & CAP_BIT(cap)))
		withheld(p, a);
	else if (!caps_missing(own.effective, CAP_BIT(cap)))
		answer_yes(a, "as part of CAP_SYS_ADMIN");
	else
		answer_no(a, "not effective");
}

#define CAPABILITY(name_, NAME_, need_, lost_)                                                     \
	{ "cap_" name_, NULL, "CAP_" NAME_, need_, lost_, REMEDY_CALLER, "CAP_" NAME_, NULL, NULL,  \
	  capability }

static const struct probe probes[] = {
	{ "kernel", NULL, "kernel", NEED_FACT, .probe = kernel },
	{ "distribution", NULL, "distribution", NEED_FACT, .probe = distribution },
	{ "page_size", NULL, "page size", NEED_FACT, .probe = page_size },
	CAPABILITY("bpf", "BPF", NEED_ALWAYS, NULL),
	CAPABILITY("perfmon", "PERFMON", NEED_ALWAYS, NULL),
	CAPABILITY("sys_ptrace", "SYS_PTRACE", NEED_ALWAYS, NULL),
	CAPABILITY("checkpoint_restore", "CHECKPOINT_RESTORE", NEED_ALWAYS, NULL),
	CAPABILITY("sys_admin", "SYS_ADMIN", NEED_ALWAYS, NULL),
	CAPABILITY("sys_resource", "SYS_RESOURCE", NEED_FOR,
		   "restoring limits and pipe sizes above one's own"),
	CAPABILITY("net_admin", "NET_ADMIN", NEED_FOR,
		   "TCP connections and some options of sockets"),
	CAPABILITY("setuid", "SETUID", NEED_FOR, "restoring processes of other users"),
	CAPABILITY("setgid", "SETGID", NEED_FOR, "restoring processes of other groups"),
	CAPABILITY("setpcap", "SETPCAP", NEED_FOR, "restoring capability bounding sets"),
	CAPABILITY("dac_override", "DAC_OVERRIDE", NEED_FOR, "opening files of other users"),
	CAPABILITY("dac_read_search", "DAC_READ_SEARCH", NEED_FOR,
		   "finding a removed file by its handle"),
	CAPABILITY("chown", "CHOWN", NEED_FOR, "removed files of other users"),
	CAPABILITY("fowner", "FOWNER", NEED_FOR, "removed files of other users"),
	CAPABILITY("sys_nice", "SYS_NICE", NEED_FOR, "restoring priorities and real-time scheduling"),
	CAPABILITY("ipc_lock", "IPC_LOCK", NEED_FOR, "restoring locked memory above the limit"),
	CAPABILITY("ipc_owner", "IPC_OWNER", NEED_FOR, "System V shared memory of other users"),
	CAPABILITY("net_bind_service", "NET_BIND_SERVICE", NEED_FOR,
		   "restoring servers on ports below 1024"),
	CAPABILITY("net_raw", "NET_RAW", NEED_FOR, "restoring raw sockets"),
	CAPABILITY("kill", "KILL", NEED_FOR, "ending a dumped tree of other users"),
	CAPABILITY("sys_chroot", "SYS_CHROOT", NEED_FOR, "processes with another root directory"),
};

PROBE_GROUP(probes_caller, "caller", "System and caller", probes, false);
