// SPDX-License-Identifier: GPL-2.0-only
/* Nothing is lost or told twice, however much there is. */

#include "collected.h"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "collect/collector.h"

static void open_many(void *arg)
{
	struct rlimit limit;
	char path[64];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 3000; i++)
		if (open(i % 2 ? "/proc/self/status" : "/dev/null", O_RDONLY) < 0)
			_exit(7);
	for (int i = 100; i < 2000; i += 7)
		close(i);
	snprintf(path, sizeof(path), "/tmp");
	fcntl(open(path, O_RDONLY | O_DIRECTORY), F_DUPFD, 3900);
}

TEST(three_thousand_descriptors)
{
	pid_t pid = child_that(open_many, NULL);
	struct collected c = collect(pid, COLLECT_ALL);
	char link[64], want[PATH_MAX];
	ssize_t size;
	int n = 0;

	for (int fd = 0; fd < 4096; fd++) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
		size = readlink(link, want, sizeof(want) - 1);
		if (size < 0)
			continue;
		want[size] = 0;
		n++;
		if (fd % 13 == 0 || fd >= 3900)
			EXPECT_STREQ(path_of(file_of(&c, fd), file_of(&c, fd)->path), want);
	}
	EXPECT_EQ(count_records(&c, RECORD_FILE), n);
	EXPECT_EQ(task_of(&c, pid)->n_fds, n);
	EXPECT_GT(n, 2700);
	end_child(pid);
}

static void *stand(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

static void start_threads(void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < 199; i++)
		if (pthread_create(&t, &attr, stand, NULL))
			_exit(8);
}

TEST(two_hundred_threads)
{
	pid_t pid = child_that(start_threads, NULL);
	struct collected c = collect(pid, COLLECT_ALL);

	EXPECT_EQ(count_records(&c, RECORD_TASK), 200);
	EXPECT_EQ(count_records(&c, RECORD_PROCESS), 1);
	EXPECT_EQ(process_of(&c)->n_threads, 200);
	/* the descriptors and mappings that they share are told once */
	EXPECT_EQ(count_records(&c, RECORD_VMA), process_of(&c)->map_count);
	EXPECT_EQ(count_records(&c, RECORD_FILE), task_of(&c, pid)->n_fds);
	end_child(pid);
}

static void watch_many(void *arg)
{
	struct rlimit limit;
	int *ep = arg;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	*ep = epoll_create1(0);
	for (int i = 0; i < 15000; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
		int fd = eventfd(0, 0);

		if (fd < 0)
			break;
		if (epoll_ctl(*ep, EPOLL_CTL_ADD, fd, &event))
			_exit(9);
		ep[1]++;
	}
}

/* The parts of one object alone fill the ring more than once. */
TEST(parts_that_overflow_the_ring)
{
	int *ep = shared_memory(64);
	pid_t pid = child_that(watch_many, ep);
	struct collector *collector = collector_for(COLLECT_ALL);
	struct record_head *rec = NULL;
	const struct file_record *f;
	struct collected c = {};
	__u32 part = 0;
	char *seen;

	EXPECT_EQ(collect_with(collector, &c, &pid, 1), 0);
	collector_close(collector);
	f = file_of(&c, ep[0]);
	EXPECT_EQ(f->n_epoll, ep[1]);
	EXPECT_EQ(f->head.part, ep[1]);
	EXPECT_EQ(count_records(&c, RECORD_EPOLL_PART), ep[1]);
	seen = calloc(1, ep[1]);
	while ((rec = next_record(&c, rec)))
		if (rec->type == RECORD_EPOLL_PART) {
			EXPECT_EQ(rec->part, part++);
			EXPECT_EQ(seen[((struct epoll_record *)rec)->data]++, 0);
		}
	end_child(pid);
}

static void queue_many(void *arg)
{
	sigset_t blocked;
	int *n = arg;

	sigfillset(&blocked);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	while (*n < 60000 && !sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = *n}))
		(*n)++;
}

TEST(signals_that_overflow_the_ring)
{
	int *n = shared_memory(64), at = 0;
	pid_t pid = child_that(queue_many, n);
	struct collected c = collect(pid, COLLECT_TASKS);
	const struct process_record *p;

	EXPECT_GT(*n, 1000);
	p = process_of(&c);
	EXPECT_EQ(p->n_shared_pending, *n);
	for_each_record(&c, rec) if (rec->type == RECORD_SIGINFO_PART)
	{
		const siginfo_t *info = (void *)((struct siginfo_record *)rec)->siginfo;

		EXPECT_EQ(rec->owner, p->head.owner);
		EXPECT_EQ(info->si_value.sival_int, at++);
	}
	EXPECT_EQ(at, *n);
	end_child(pid);
}

static int stand_still(void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

/* Two processes with one descriptor table and one mm: each is told once. */
TEST(shared_tables_are_told_once)
{
	char *stack = shared_memory(65536);
	pid_t pids[3] = {child_that((void (*)(void *))sync, NULL)};
	struct collector *collector = collector_for(COLLECT_ALL);
	struct collected c = {}, d = {};
	size_t alone;

#ifdef __SANITIZE_ADDRESS__
	SKIP("needs mappings that stand still: the sanitizer maps more at every turn");
#endif
	pids[1] = clone(stand_still, stack + 65536, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	EXPECT_GT(pids[1], 0);
	pids[2] = clone(stand_still, stack + 32768, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	await_state(pids[1], 'S');
	await_state(pids[2], 'S');
	EXPECT_EQ(collect_with(collector, &c, pids + 1, 1), 0);
	alone = count_records(&c, RECORD_FILE);
	EXPECT_EQ(collect_with(collector, &d, pids, 3), 0);
	EXPECT_EQ(task_of(&d, pids[1])->files, task_of(&d, pids[2])->files);
	EXPECT_EQ(task_of(&d, pids[1])->mm, task_of(&d, pids[2])->mm);
	EXPECT_NE(task_of(&d, pids[1])->mm, task_of(&d, pids[0])->mm);
	EXPECT_EQ(count_records(&d, RECORD_PROCESS), 3);
	EXPECT_EQ(task_of(&d, pids[0])->n_fds + alone, count_records(&d, RECORD_FILE));
	for (int i = 0; i < 3; i++)
		end_child(pids[i]);
}

static void *unshare_files(void *arg)
{
	int *fds = arg;

	unshare(CLONE_FILES);
	fds[0] = gettid();
	fds[2] = open("/etc/hosts", O_RDONLY);
	fds[1] = 1;
	return stand(NULL);
}

static void unshare_thread(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, unshare_files, arg);
	while (!((volatile int *)arg)[1])
		usleep(1000);
}

TEST(a_thread_with_its_own_table)
{
	int *fds = shared_memory(64);
	pid_t pid = child_that(unshare_thread, fds);
	struct collected c = collect(pid, COLLECT_ALL);
	const struct file_record *f = file_of(&c, fds[2]);

	EXPECT_EQ(f->tgid, pid);
	EXPECT_EQ(f->tid, fds[0]);
	EXPECT_EQ(f->files, task_of(&c, fds[0])->files);
	EXPECT_NE(f->files, task_of(&c, pid)->files);
	EXPECT_EQ(count_records(&c, RECORD_FILE),
		  task_of(&c, pid)->n_fds + task_of(&c, fds[0])->n_fds);
	EXPECT_EQ(count_records(&c, RECORD_VMA), process_of(&c)->map_count);
	end_child(pid);
}

static void *outlive(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

static void end_leader(void *arg)
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		pthread_create(&t, NULL, outlive, NULL);
	if (!test_fork()) { /* says that all is ready when the leader has gone */
		await_state(getppid(), 'Z');
		return;
	}
	syscall(SYS_exit, 0);
}

TEST(a_process_whose_leader_has_ended)
{
	struct collected c;
	pid_t pid = child_that(end_leader, NULL);

	c = collect(pid, COLLECT_ALL);
	EXPECT_EQ(task_of(&c, pid)->exit_state, 0x20);
	EXPECT_EQ(process_of(&c)->n_threads, 4);
	EXPECT_EQ(count_records(&c, RECORD_TASK), 4);
	EXPECT_NE(process_of(&c)->mm, 0);
	EXPECT_EQ(count_records(&c, RECORD_VMA), process_of(&c)->map_count);
	EXPECT_GT(count_records(&c, RECORD_FILE), 2);
	end_child(pid);
}

TEST(who_does_not_exist_is_an_error)
{
	struct collector *collector = collector_for(COLLECT_ALL);
	pid_t pids[2] = {getpid(), test_fork()};
	struct error err = {};
	struct collected c = {};

	if (!pids[1])
		_exit(0);
	waitpid(pids[1], NULL, 0);
	EXPECT_EQ(collector_run(collector, pids, 2, collected_add, &c, &err), -ESRCH);
	EXPECT(err.text && strstr(err.text, "does not exist"));
}

static int refuse(void *arg, const struct record_head *rec)
{
	int *n = arg;

	return ++*n == 3 ? -ENOSPC : 0;
}

TEST(a_pass_that_was_broken_off_leaves_nothing_behind)
{
	struct collector *collector = collector_for(COLLECT_ALL);
	pid_t pid = child_that((void (*)(void *))sync, NULL);
	struct collected c = {}, d = {};
	struct error err = {};
	int n = 0;

	EXPECT_EQ(collect_with(collector, &c, &pid, 1), 0);
	EXPECT_EQ(collector_run(collector, &pid, 1, refuse, &n, &err), -ENOSPC);
	EXPECT_EQ(n, 3);
	EXPECT_EQ(collect_with(collector, &d, &pid, 1), 0);
	EXPECT_EQ(c.n, d.n);
	EXPECT_EQ(c.size, d.size);
	end_child(pid);
}

/* Whoever comes second while the pinned ring is in use loads programs of its own. */
TEST(two_collectors_at_once)
{
	struct collector *first = collector_for(COLLECT_ALL), *second = collector_for(COLLECT_ALL);
	pid_t pid = child_that((void (*)(void *))sync, NULL);
	struct collected c = {}, d = {};

	EXPECT(!collector_is_cached(second));
	EXPECT_EQ(collect_with(first, &c, &pid, 1), 0);
	EXPECT_EQ(collect_with(second, &d, &pid, 1), 0);
	EXPECT_EQ(c.n, d.n);
	collector_close(first);
	collector_close(second);
	end_child(pid);
}

TEST(every_process)
{
	struct collector *collector = collector_for(COLLECT_ALL | COLLECT_RUNNING);
	pid_t pids[200];
	struct collected c = {}, d = {};

	for (int i = 0; i < 200; i++)
		pids[i] = child_that((void (*)(void *))sync, NULL);
	EXPECT_EQ(collect_with(collector, &c, NULL, 0), 0);
	for (int i = 0; i < 200; i++)
		EXPECT_EQ(task_of(&c, pids[i])->pid.host, pids[i]);
	/* so many of so few are chosen by a filter: the same records, and no others */
	collector_set_flags(collector, 0);
	EXPECT_EQ(collect_with(collector, &d, pids, 200), 0);
	EXPECT_EQ(count_records(&d, RECORD_PROCESS), 200);
	for (int i = 0; i < 200; i++) {
		EXPECT_EQ(task_of(&d, pids[i])->pid.host, pids[i]);
		end_child(pids[i]);
	}
}
