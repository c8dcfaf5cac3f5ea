// SPDX-License-Identifier: GPL-2.0-only
/*
 * Credentials belong to threads: ids, groups, capabilities, securebits, no_new_privs and
 * keepcaps, each different in the threads of one process.
 */
#include "subject.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sys/prctl.h>

struct creds {
	unsigned int uid[3], gid[3], fsuid, fsgid;
	gid_t groups[32];
	int n_groups;
	struct __user_cap_data_struct caps[2];
	unsigned int bounding, ambient;
	int securebits, no_new_privs, keepcaps;
};

static void look(struct creds *c)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};

	memset(c, 0, sizeof(*c));
	getresuid(&c->uid[0], &c->uid[1], &c->uid[2]);
	getresgid(&c->gid[0], &c->gid[1], &c->gid[2]);
	/* An impossible id changes nothing and tells the present one. */
	c->fsuid = syscall(SYS_setfsuid, -1);
	c->fsgid = syscall(SYS_setfsgid, -1);
	c->n_groups = getgroups(32, c->groups);
	syscall(SYS_capget, &head, c->caps);
	for (int cap = 0; cap < 32; cap++) {
		c->bounding |= (unsigned int)(prctl(PR_CAPBSET_READ, cap) == 1) << cap;
		c->ambient |= (unsigned int)(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0,
						   0) == 1)
			      << cap;
	}
	c->securebits = prctl(PR_GET_SECUREBITS);
	c->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	c->keepcaps = prctl(PR_GET_KEEPCAPS);
}

/* Raw calls: libc's wrappers change all threads. */
static void become(int n)
{
	gid_t groups[] = {5, 1000, 70000, 4000000};
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[2] = {};

	switch (n) {
	case 0: /* as it was born */
		break;
	case 1: /* another user with a few capabilities, also inheritable and ambient */
		prctl(PR_SET_KEEPCAPS, 1);
		syscall(SYS_setgroups, 4, groups);
		syscall(SYS_setresgid, 101, 102, 103);
		syscall(SYS_setresuid, 201, 202, 203);
		caps[0].permitted = 1 << CAP_NET_RAW | 1 << CAP_KILL | 1 << CAP_CHOWN;
		caps[0].effective = 1 << CAP_NET_RAW;
		caps[0].inheritable = 1 << CAP_NET_RAW;
		syscall(SYS_capset, &head, caps);
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
		prctl(PR_SET_KEEPCAPS, 1);
		break;
	case 2: /* root with less than root has */
		prctl(PR_CAPBSET_DROP, CAP_SYS_TIME);
		prctl(PR_CAPBSET_DROP, CAP_MKNOD);
		prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS_LOCKED);
		syscall(SYS_setfsuid, 77);
		syscall(SYS_setfsgid, 78);
		break;
	case 3: /* nobody at all */
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		syscall(SYS_setgroups, 0, NULL);
		syscall(SYS_setresgid, 65534, 65534, 65534);
		syscall(SYS_setresuid, 65534, 65534, 65534);
		break;
	}
}

#define THREADS 4
static volatile int n_ready;

static void *work(void *arg)
{
	int n = (long)arg;
	struct creds before, now;

	become(n);
	look(&before);
	__atomic_add_fetch(&n_ready, 1, __ATOMIC_SEQ_CST);
	subject_wait_restored();
	look(&now);
	for (int i = 0; i < 3; i++) {
		subject_check(now.uid[i] == before.uid[i], "thread %d: uid %d is %u", n, i, now.uid[i]);
		subject_check(now.gid[i] == before.gid[i], "thread %d: gid %d is %u", n, i, now.gid[i]);
	}
	subject_check(now.fsuid == before.fsuid && now.fsgid == before.fsgid,
		      "thread %d: fsuid %u, fsgid %u", n, now.fsuid, now.fsgid);
	subject_check(now.n_groups == before.n_groups &&
			      memcmp(now.groups, before.groups, sizeof(now.groups)) == 0,
		      "thread %d: its %d groups changed", n, now.n_groups);
	for (int i = 0; i < 2; i++) {
		subject_check(now.caps[i].permitted == before.caps[i].permitted &&
				      now.caps[i].effective == before.caps[i].effective &&
				      now.caps[i].inheritable == before.caps[i].inheritable,
			      "thread %d: capabilities are %x %x %x, were %x %x %x", n,
			      now.caps[i].permitted, now.caps[i].effective, now.caps[i].inheritable,
			      before.caps[i].permitted, before.caps[i].effective,
			      before.caps[i].inheritable);
	}
	subject_check(now.bounding == before.bounding, "thread %d: bounding set is %x, was %x", n,
		      now.bounding, before.bounding);
	subject_check(now.ambient == before.ambient, "thread %d: ambient set is %x, was %x", n,
		      now.ambient, before.ambient);
	subject_check(now.securebits == before.securebits, "thread %d: securebits %x, were %x", n,
		      now.securebits, before.securebits);
	subject_check(now.no_new_privs == before.no_new_privs, "thread %d: no_new_privs is %d", n,
		      now.no_new_privs);
	subject_check(now.keepcaps == before.keepcaps, "thread %d: keepcaps is %d", n, now.keepcaps);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	for (long i = 1; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	subject_need(subject_await(n_ready == THREADS - 1), "threads do not come up");
	subject_ready();
	work((void *)0L);
	for (int i = 1; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return subject_end();
}
