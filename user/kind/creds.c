// SPDX-License-Identifier: GPL-2.0-only
/* Who a thread is: ids, groups, capabilities, securebits. They belong to threads, not processes. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caps.h"
#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "judge.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "surroundings.h"

#define CAP_WORDS 2
#define CAPS      64

/* --- judge --------------------------------------------------------------- */

/* Threads mostly have the label of the first, for they have its credentials. */
static bool has_label_of_leader(const struct task *t)
{
	return t != t->process->tasks &&
	       t->rec->creds.cred == t->process->tasks->rec->creds.cred;
}

static void judge_label_wishes(struct judge *j, const struct task *t)
{
	static const char *const wishes[] = {LABEL_WISHES};
	char path[64], label[LABEL_ROOM];

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/attr/%s", t->process->pid, t->tid,
			 wishes[i]);
		read_label(path, label, sizeof(label));
		if (label[0])
			judge_task(j, t, "security label", NULL,
				   "has asked for the label `%s' (attr/%s), which is not carried yet",
				   label, wishes[i]);
	}
}

/* A task restored under a label that allows more than its own would be a hole. */
static void judge_label(struct judge *j, const struct task *t)
{
	const char *own = surroundings_label(j->around);
	char path[64], label[LABEL_ROOM];

	if (!own[0] || has_label_of_leader(t))
		return;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/attr/current", t->process->pid, t->tid);
	read_label(path, label, sizeof(label));
	if (!label[0] && kill(t->process->pid, 0) && errno == ESRCH)
		return;
	if (!label[0])
		judge_task(j, t, "security label", "run crbpf as root, and unconfined",
			   "its security label cannot be read");
	else if (label_is_none(label) && strcmp(label, own)) {
		judge_task(j, t, "security label", NULL, "is `%s', and will be `%s', as crbpf is",
			   label, own);
		judge_soften(j);
	} else if (strcmp(label, own)) {
		judge_task(j, t, "security label", "run crbpf under the same label",
			   "is confined as `%s', which is not carried yet", label);
	}
	judge_label_wishes(j, t);
}

static void judge(struct judge *j, const struct task *t)
{
	if (t->process->is_zombie)
		return;
	judge_label(j, t);
	if (t->rec->landlock == RECORD_LANDLOCK_UNKNOWN)
		judge_task(j, t, "Landlock domain", "run crbpf where it may use Landlock itself",
			   "may have confined itself by Landlock: crbpf cannot learn where this "
			   "kernel notes that");
	else if (t->rec->landlock)
		judge_task(j, t, "Landlock domain", "let the program do without it",
			   "has confined itself by Landlock, which cannot be carried");
}

/* --- dump ---------------------------------------------------------------- */

static uint32_t *split_caps(struct dump *d, uint64_t caps, size_t *ret_n)
{
	const uint32_t words[CAP_WORDS] = {(uint32_t)caps, (uint32_t)(caps >> 32)};

	*ret_n = CAP_WORDS;
	return arena_copy(&d->arena, words, sizeof(words));
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	const struct record_creds *rec = &t->rec->creds;
	CredsEntry *creds;

	if (t->process->is_zombie || !core->thread_core)
		return 0;
	creds = dump_message(d, &creds_entry__descriptor);
	if (!creds)
		return fail(d->err, ENOMEM, "cannot describe its credentials");
	creds->uid = rec->uid;
	creds->gid = rec->gid;
	creds->euid = rec->euid;
	creds->egid = rec->egid;
	creds->suid = rec->suid;
	creds->sgid = rec->sgid;
	creds->fsuid = rec->fsuid;
	creds->fsgid = rec->fsgid;
	creds->secbits = rec->securebits;
	if (t->rec->no_new_privs)
		creds->has_no_new_privs = creds->no_new_privs = 1;
	creds->cap_inh = split_caps(d, rec->caps.inheritable, &creds->n_cap_inh);
	creds->cap_prm = split_caps(d, rec->caps.permitted, &creds->n_cap_prm);
	creds->cap_eff = split_caps(d, rec->caps.effective, &creds->n_cap_eff);
	creds->cap_bnd = split_caps(d, rec->caps.bounding, &creds->n_cap_bnd);
	creds->cap_amb = split_caps(d, rec->caps.ambient, &creds->n_cap_amb);
	creds->groups = arena_alloc(&d->arena, (rec->n_groups + 1) * sizeof(creds->groups[0]));
	if (!creds->cap_inh || !creds->cap_prm || !creds->cap_eff || !creds->cap_bnd ||
	    !creds->cap_amb || !creds->groups)
		return fail(d->err, ENOMEM, "cannot describe its credentials");
	if (rec->n_groups)
		memcpy(creds->groups, t->groups, rec->n_groups * sizeof(creds->groups[0]));
	creds->n_groups = rec->n_groups;
	core->thread_core->creds = creds;
	return 0;
}

/* --- restore ------------------------------------------------------------- */

static uint64_t join_caps(const uint32_t *words, size_t n)
{
	return (n > 0 ? words[0] : 0) | (n > 1 ? (uint64_t)words[1] << 32 : 0);
}

static struct caps caps_of(const CredsEntry *creds)
{
	return (struct caps){
		.inheritable = join_caps(creds->cap_inh, creds->n_cap_inh),
		.permitted = join_caps(creds->cap_prm, creds->n_cap_prm),
		.effective = join_caps(creds->cap_eff, creds->n_cap_eff),
		.bounding = join_caps(creds->cap_bnd, creds->n_cap_bnd),
		.ambient = join_caps(creds->cap_amb, creds->n_cap_amb),
	};
}

/* Asked for capability by capability, so it is read once. NULL with the error set. */
static const struct caps *own_caps(struct restore *r)
{
	struct caps *own = r->own_caps ?: arena_alloc(&r->arena, sizeof(*own));
	int ret = r->own_caps ? 0 : own ? caps_get(own) : -ENOMEM;

	if (ret) {
		fail(r->err, ret, "cannot read which capabilities there are");
		return NULL;
	}
	return r->own_caps = own;
}

/* Nobody can give what he has not got: the first capability that is missing is named. */
static int check_caps(struct restore *r, const struct caps *want)
{
	const struct caps *own = own_caps(r);
	char name[32];
	uint64_t missing;

	if (!own)
		return r->err->code;
	if (want->effective & ~want->permitted ||
	    want->ambient & ~(want->permitted & want->inheritable))
		return fail(r->err, 0, "its capability sets contradict each other");
	missing = (want->permitted & ~own->permitted) |
		  ((want->bounding | want->inheritable) & ~(own->bounding | own->inheritable));
	if (!missing)
		return 0;
	caps_name(__builtin_ctzll(missing), name);
	fail(r->err, 0, "it has the capability %s, which this session cannot give", name);
	return fail_hint(r->err, "restore as root where that capability is not withheld");
}

/* criu notes a label also where it confines nothing. */
static int check_label(struct restore *r, const struct new_task *t, const char *label)
{
	char own[LABEL_ROOM];

	if (!label || !label[0])
		return 0;
	read_label("/proc/thread-self/attr/current", own, sizeof(own));
	if (!strcmp(label, own))
		return 0;
	if (!label_is_none(label))
		return fail(r->err, 0, "it is confined as `%s', which cannot be restored yet", label);
	if (own[0])
		log_warn(r->log, "task %d was `%s', and is `%s' now, as crbpf is", t->tid, label,
			 own);
	return 0;
}

static int check(struct restore *r, struct new_task *t)
{
	const CredsEntry *creds = t->core->thread_core->creds;
	struct caps want;
	int ret;

	if (!creds)
		return fail(r->err, 0, "the image does not hold its credentials");
	if (creds->n_cap_inh > CAP_WORDS || creds->n_cap_prm > CAP_WORDS ||
	    creds->n_cap_eff > CAP_WORDS || creds->n_cap_bnd > CAP_WORDS ||
	    creds->n_cap_amb > CAP_WORDS)
		return fail(r->err, 0, "its capability sets are larger than this kernel's");
	ret = check_label(r, t, creds->lsm_profile);
	if (ret)
		return ret;
	want = caps_of(creds);
	return check_caps(r, &want);
}

/* Does @creds name the very groups that this process, and so the task, has? */
static bool same_groups(const CredsEntry *creds)
{
	int n = getgroups(0, NULL);
	_cleanup_free_ gid_t *own = n > 0 ? calloc((size_t)n, sizeof(*own)) : NULL;

	if (n < 0 || (size_t)n != creds->n_groups)
		return false;
	if (!n)
		return true;
	return own && getgroups(n, own) == n &&
	       !memcmp(own, creds->groups, (size_t)n * sizeof(*own));
}

static bool same_ids(const CredsEntry *creds)
{
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;

	getresuid(&uid, &euid, &suid);
	getresgid(&gid, &egid, &sgid);
	return uid == creds->uid && euid == creds->euid && suid == creds->suid &&
	       euid == creds->fsuid && gid == creds->gid && egid == creds->egid &&
	       sgid == creds->sgid && egid == creds->fsgid;
}

static int queue_capset(struct restore *r, struct batch *batch, const char *what,
			uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
	struct {
		struct __user_cap_header_struct head;
		struct __user_cap_data_struct data[CAP_WORDS];
	} set = {.head.version = _LINUX_CAPABILITY_VERSION_3};
	__u64 at;

	for (int i = 0; i < CAP_WORDS; i++) {
		set.data[i].permitted = (uint32_t)(permitted >> 32 * i);
		set.data[i].effective = (uint32_t)(effective >> 32 * i);
		set.data[i].inheritable = (uint32_t)(inheritable >> 32 * i);
	}
	if (batch_reserve(batch, 1, sizeof(set)))
		return batch_run(batch, r->err);
	at = batch_data(batch, &set, sizeof(set), NULL);
	return batch_do(batch, what, SYS_capset, at, at + sizeof(set.head));
}

/*
 * Ids under NO_SETUID_FIXUP: capabilities stay as they are, whichever ids go, and
 * so does the right to put the true securebits in place afterwards.
 */
static int queue_ids(struct restore *r, const CredsEntry *creds, struct batch *batch)
{
	if (!same_groups(creds)) {
		if (creds->n_groups * sizeof(gid_t) > batch_room(batch))
			return fail(r->err, 0, "its %zu groups are more than can be restored",
				    creds->n_groups);
		if (batch_reserve(batch, 1, creds->n_groups * sizeof(gid_t)))
			return batch_run(batch, r->err);
		batch_do(batch, "setting its groups", SYS_setgroups, creds->n_groups,
			 creds->n_groups ? batch_data(batch, creds->groups,
						      creds->n_groups * sizeof(gid_t), NULL)
					 : 0);
	}
	if (same_ids(creds))
		return 0;
	batch_do(batch, "setting securebits to change ids", SYS_prctl, PR_SET_SECUREBITS,
		 SECBIT_NO_SETUID_FIXUP);
	batch_do(batch, "setting its group ids", SYS_setresgid, creds->gid, creds->egid,
		 creds->sgid);
	/* These return what was before; what is now is told by the second. */
	batch_try(batch, "setting its fsgid", SYS_setfsgid, creds->fsgid);
	batch_demand(batch, "setting its fsgid", creds->fsgid, SYS_setfsgid, creds->fsgid);
	batch_do(batch, "setting its user ids", SYS_setresuid, creds->uid, creds->euid,
		 creds->suid);
	batch_try(batch, "setting its fsuid", SYS_setfsuid, creds->fsuid);
	return batch_demand(batch, "setting its fsuid", creds->fsuid, SYS_setfsuid, creds->fsuid);
}

/*
 * The order is the kernel's: what is inheritable must come from the bounding set, so before
 * that is cut; ambient needs permitted and inheritable, and securebits that allow it; the
 * true securebits need CAP_SETPCAP; so the final sets come last, and cut the ambient one
 * no further. A thread that is to be as this process is needs no privilege at all.
 */
static int restore_creds(struct restore *r, struct new_task *t, struct batch *batch)
{
	const CredsEntry *creds = t->core->thread_core->creds;
	const struct caps *own = own_caps(r), want = caps_of(creds);
	int own_secbits = prctl(PR_GET_SECUREBITS), ret;

	if (!own)
		return r->err->code;
	if (own_secbits < 0)
		return fail(r->err, errno, "cannot read the credentials of this process");
	if (want.inheritable != own->inheritable &&
	    queue_capset(r, batch, "setting its inheritable capabilities", own->permitted,
			 own->effective, want.inheritable))
		return fail(r->err, EINVAL, "cannot set its capabilities");
	for (int cap = 0; cap < CAPS; cap++)
		if ((own->bounding & ~want.bounding) >> cap & 1)
			batch_call(batch, "dropping capability %llu", (__u64)cap, 0, ENGINE_SUCCESS,
				   0, NULL, SYS_prctl,
				   (const __u64[6]){PR_CAPBSET_DROP, (__u64)cap});
	ret = queue_ids(r, creds, batch);
	if (ret)
		return ret;
	if (own->ambient & ~want.ambient)
		batch_do(batch, "clearing its ambient capabilities", SYS_prctl, PR_CAP_AMBIENT,
			 PR_CAP_AMBIENT_CLEAR_ALL);
	for (int cap = 0; cap < CAPS; cap++)
		if (want.ambient >> cap & 1)
			batch_call(
				batch, "raising ambient capability %llu", (__u64)cap, 0,
				ENGINE_SUCCESS, 0, NULL, SYS_prctl,
				(const __u64[6]){PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (__u64)cap});
	if (!same_ids(creds) || (uint32_t)own_secbits != creds->secbits)
		batch_do(batch, "setting its securebits", SYS_prctl, PR_SET_SECUREBITS,
			 creds->secbits);
	if (own->permitted != want.permitted || own->effective != want.effective || !same_ids(creds))
		return queue_capset(r, batch, "setting its capabilities", want.permitted,
				    want.effective, want.inheritable);
	return 0;
}

static int restore_last(struct restore *r, struct new_task *t, struct batch *batch)
{
	if (t->core->thread_core->creds->no_new_privs)
		batch_do(batch, "setting no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return 0;
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore =
		{
			[PHASE_CREDS] = restore_creds,
			[PHASE_LAST] = restore_last,
		},
};

const struct kind kind_creds = {.name = "creds", .task = &task_ops};
