// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a task is told to be by calls that leave no trace in /proc: time stamps and CPUID that
 * fault, what becomes of it when memory fails, merging of its memory, NUMA policies of it and
 * of mappings, sealed mappings, speculation. What this kernel lacks is left out.
 */
#include "subject.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

enum { MPOL_PREFERRED_ = 1, MPOL_BIND_ = 2, MPOL_INTERLEAVE_ = 3, MPOL_STATIC = 1 << 15 };
enum { MPOL_LOCAL_ = 4 };
enum { MPOL_F_ADDR_ = 2 };

struct switches {
	int tsc, mce, mode, mapping_mode, merge;
	unsigned long nodes, mapping_nodes;
	long store_bypass, indirect;
};

static void look(struct switches *s, void *mapping)
{
	memset(s, 0, sizeof(*s));
	s->tsc = -1;
	prctl(PR_GET_TSC, &s->tsc);
	s->mce = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
	s->merge = prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0);
	s->mode = s->mapping_mode = -1;
	syscall(SYS_get_mempolicy, &s->mode, &s->nodes, 64UL, NULL, 0UL);
	syscall(SYS_get_mempolicy, &s->mapping_mode, &s->mapping_nodes, 64UL, mapping,
		(unsigned long)MPOL_F_ADDR_);
	s->store_bypass = prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, 0, 0, 0);
	s->indirect = prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, 0, 0, 0);
}

static void check(const struct switches *was, const struct switches *now, const char *who)
{
	subject_check(now->tsc == was->tsc, "%s: TSC %d, was %d", who, now->tsc, was->tsc);
	subject_check(now->mce == was->mce, "%s: MCE_KILL %d, was %d", who, now->mce, was->mce);
	subject_check(now->merge == was->merge, "%s: merging %d, was %d", who, now->merge,
		      was->merge);
	subject_check(now->mode == was->mode && now->nodes == was->nodes,
		      "%s: policy %x of nodes %lx, was %x of %lx", who, now->mode, now->nodes,
		      was->mode, was->nodes);
	subject_check(now->mapping_mode == was->mapping_mode &&
			      now->mapping_nodes == was->mapping_nodes,
		      "%s: mapping's policy %x of nodes %lx, was %x of %lx", who, now->mapping_mode,
		      now->mapping_nodes, was->mapping_mode, was->mapping_nodes);
	subject_check(now->store_bypass == was->store_bypass, "%s: store bypass %lx, was %lx", who,
		      now->store_bypass, was->store_bypass);
	subject_check(now->indirect == was->indirect, "%s: indirect branches %lx, were %lx", who,
		      now->indirect, was->indirect);
}

/*
 * As OpenBLAS asks for it. The kernel gives it the memory of a policy that was, and does not
 * clear what that had for nodes.
 */
static char *map_local(size_t size)
{
	unsigned long nodes = 1;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	subject_need(at != MAP_FAILED, "mmap: %m");
	for (int i = 0; i < 50; i++) {
		syscall(SYS_mbind, at, size, MPOL_BIND_, &nodes, 64UL, 0);
		syscall(SYS_mbind, at, size, MPOL_PREFERRED_, NULL, 0UL, 0);
	}
	strcpy(at, "local");
	return at;
}

static volatile int is_up;
static char *mapping;

/* Another policy than the first thread, and nothing else. */
static void *thread(void *arg)
{
	struct switches was, now;
	unsigned long nodes = 1;

	(void)arg;
	syscall(SYS_set_mempolicy, MPOL_PREFERRED_, &nodes, 64UL);
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0);
	look(&was, mapping);
	is_up = 1;
	subject_wait_restored();
	look(&now, mapping);
	check(&was, &now, "thread");
	return NULL;
}

/* Without time stamps there is no clock, so that subject_wait_restored is not for it. */
static void *timeless(void *arg)
{
	const struct timespec step = {.tv_nsec = 5000000};
	bool can = prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0;
	int tsc = 0;

	(void)arg;
	is_up = 2;
	while (!subject_told("go"))
		nanosleep(&step, NULL);
	prctl(PR_GET_TSC, &tsc);
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
	subject_check(!can || tsc == PR_TSC_SIGSEGV, "timeless thread: TSC %d", tsc);
	return NULL;
}

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *sealed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *shared =
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *local = map_local(page);
	int local_mode = -1, local_was = -1;
	struct switches was, now;
	unsigned long nodes = 1;
	bool is_sealed;
	pthread_t id, other;

	mapping = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	subject_need(sealed != MAP_FAILED && mapping != MAP_FAILED && shared != MAP_FAILED,
		     "mmap: %m");
	strcpy(sealed, "sealed");
	strcpy(mapping, "bound");
	strcpy(shared, "shared");
	syscall(SYS_mbind, mapping, 4 * page, MPOL_BIND_ | MPOL_STATIC, &nodes, 64UL, 0);
	syscall(SYS_mbind, shared, page, MPOL_PREFERRED_, &nodes, 64UL, 0);
	syscall(SYS_set_mempolicy_home_node, mapping, 4 * page, 0UL, 0UL);
	prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
	pthread_create(&id, NULL, thread, NULL);
	subject_need(subject_await(is_up == 1), "no thread");
	pthread_create(&other, NULL, timeless, NULL);
	subject_need(subject_await(is_up == 2), "no timeless thread");
	syscall(SYS_set_mempolicy, MPOL_INTERLEAVE_, &nodes, 64UL);
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_DISABLE, 0, 0);
	mprotect(sealed, page, PROT_READ);
	is_sealed = syscall(SYS_mseal, sealed, page, 0) == 0;
	look(&was, mapping);
	syscall(SYS_get_mempolicy, &local_was, NULL, 0UL, local, (unsigned long)MPOL_F_ADDR_);
	subject_ready();
	subject_wait_restored();

	look(&now, mapping);
	check(&was, &now, "leader");
	syscall(SYS_get_mempolicy, &local_mode, NULL, 0UL, local, (unsigned long)MPOL_F_ADDR_);
	subject_check(local_mode == local_was, "local memory: policy %x, was %x", local_mode,
		      local_was);
	subject_check(!strcmp(sealed, "sealed") && !strcmp(mapping, "bound") &&
			      !strcmp(shared, "shared") && !strcmp(local, "local"),
		      "content is lost");
	subject_check(!is_sealed ||
			      (mprotect(sealed, page, PROT_READ | PROT_WRITE) && errno == EPERM),
		      "it is sealed no more");
	pthread_join(id, NULL);
	pthread_join(other, NULL);
	return subject_end();
}
