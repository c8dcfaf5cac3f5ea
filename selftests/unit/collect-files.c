// SPDX-License-Identifier: GPL-2.0-only
/* What the collector says of descriptors is what the kernel says elsewhere. */

#include "collected.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "bpf/eventfd.h"
#include "bpf/memfd.h"
#include "bpf/nsfd.h"
#include "bpf/pidfd.h"
#include "bpf/pipe.h"
#include "bpf/signalfd.h"
#include "bpf/timerfd.h"

static struct collected collect_self(void)
{
	return collect(getpid(), COLLECT_FILES | COLLECT_TASKS | COLLECT_RUNNING);
}

static long long now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

TEST(every_descriptor_is_shown_as_proc_shows_it)
{
	int fd = open("/etc/passwd", O_RDONLY | O_NONBLOCK), copy = fcntl(fd, F_DUPFD_CLOEXEC, 700);
	char link[PATH_MAX], want[PATH_MAX];
	const struct file_record *f, *g;
	struct collected c;
	struct stat st;
	ssize_t n;

	EXPECT_EQ(lseek(fd, 7, SEEK_SET), 7);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETSIG, SIGUSR2);
	c = collect_self();
	f = file_of(&c, fd);
	g = file_of(&c, copy);
	fstat(fd, &st);
	EXPECT_EQ(f->tgid, getpid());
	EXPECT_EQ(f->tid, getpid());
	EXPECT_EQ(f->ino, st.st_ino);
	EXPECT_EQ(f->dev, kernel_dev(st.st_dev));
	EXPECT_EQ(f->i_mode, st.st_mode);
	EXPECT_EQ(f->nlink, st.st_nlink);
	EXPECT_EQ(f->uid, st.st_uid);
	EXPECT_EQ(f->gid, st.st_gid);
	EXPECT_EQ(f->size, st.st_size);
	EXPECT_EQ(f->pos, 7);
	EXPECT(f->f_flags & O_NONBLOCK);
	EXPECT_EQ(f->f_flags, fcntl(fd, F_GETFL));
	EXPECT_EQ(f->cloexec, 0);
	EXPECT_EQ(g->cloexec, 1);
	EXPECT_EQ(f->head.owner, g->head.owner);
	EXPECT_EQ(f->fown_signum, SIGUSR2);
	EXPECT_EQ(f->fown_pid.host, getpid());
	EXPECT_EQ(f->fown_pid.virt, getpid());
	EXPECT_EQ(f->fown_pid_type, 1);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, want, sizeof(want) - 1);
	EXPECT_GT(n, 0);
	want[n] = 0;
	EXPECT_STREQ(path_of(f, f->path), want);
	EXPECT_EQ(f->path.length, n);
	snprintf(link, sizeof(link), "/proc/self/fdinfo/%d", fd);
	EXPECT_EQ(f->mnt_id, proc_number(link, "mnt_id:", 10));
	EXPECT_EQ(task_of(&c, getpid())->files, f->files);
}

TEST(eventfd)
{
	int plain = eventfd(41, EFD_CLOEXEC), counting = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
	const struct eventfd_detail *d;
	struct collected c = collect_self();
	__u64 value;

	d = detail_of(file_of(&c, plain), DETAIL_EVENTFD);
	EXPECT_EQ(d->count, 41);
	EXPECT_EQ(d->flags & EFD_SEMAPHORE, 0);
	EXPECT_STREQ(file_of(&c, plain)->anon_name, "eventfd");
	d = detail_of(file_of(&c, counting), DETAIL_EVENTFD);
	EXPECT_EQ(d->count, 3);
	EXPECT_EQ(d->flags & EFD_SEMAPHORE, EFD_SEMAPHORE);
	EXPECT_EQ(read(counting, &value, 8), 8);
	EXPECT_EQ(value, 1);
}

static void check_timer(clockid_t clock, clockid_t base, int flags, long long value,
			long long interval)
{
	struct itimerspec set = {.it_interval = {interval / 1000000000, interval % 1000000000}};
	int fd = timerfd_create(clock, TFD_CLOEXEC);
	const struct timerfd_detail *d;
	struct itimerspec left;
	struct collected c;
	long long remaining;

	EXPECT_GE(fd, 0);
	if (flags & TFD_TIMER_ABSTIME)
		value += now_ns(clock);
	set.it_value = (struct timespec){value / 1000000000, value % 1000000000};
	EXPECT_EQ(timerfd_settime(fd, flags, &set, NULL), 0);
	c = collect_self();
	d = detail_of(file_of(&c, fd), DETAIL_TIMERFD);
	EXPECT_EQ(timerfd_gettime(fd, &left), 0);
	EXPECT_EQ(d->clockid, clock);
	EXPECT_EQ(d->base_clock, base);
	EXPECT_EQ(d->settime_flags, flags);
	EXPECT_EQ(d->interval_ns, interval);
	EXPECT_EQ(d->is_armed, 1);
	EXPECT_EQ(d->is_queued, 1);
	EXPECT_EQ(d->expired, 0);
	EXPECT_EQ(d->ticks, 0);
	remaining = left.it_value.tv_sec * 1000000000LL + left.it_value.tv_nsec;
	EXPECT_LT(llabs((long long)d->expires_ns - now_ns(base) - remaining), 2000000000);
	close(fd);
}

TEST(timerfd_of_each_clock)
{
	const long long second = 1000000000;

	check_timer(CLOCK_MONOTONIC, CLOCK_MONOTONIC, 0, 100 * second, 0);
	check_timer(CLOCK_MONOTONIC, CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, 50 * second,
		    7 * second + 9);
	check_timer(CLOCK_REALTIME, CLOCK_MONOTONIC, 0, 100 * second, 3 * second);
	check_timer(CLOCK_REALTIME, CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
		    200 * second, 0);
	check_timer(CLOCK_BOOTTIME, CLOCK_BOOTTIME, 0, 80 * second, 0);
}

TEST(timerfd_of_alarm_clocks)
{
	int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, TFD_CLOEXEC);
	struct itimerspec set = {.it_value = {1000, 0}};

	/* without an RTC such a timer can be made on some kernels and not set */
	if (fd < 0 || timerfd_settime(fd, 0, &set, NULL))
		SKIP("no alarm timers here: %s", strerror(errno));
	check_timer(CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME, 0, 1000000000000, 0);
	check_timer(CLOCK_REALTIME_ALARM, CLOCK_REALTIME, 0, 1000000000000, 5000000000);
}

TEST(timerfd_that_expired_unread)
{
	int once = timerfd_create(CLOCK_MONOTONIC, 0), often = timerfd_create(CLOCK_MONOTONIC, 0);
	int never = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec set = {.it_value = {0, 1000000}};
	const struct timerfd_detail *d;
	struct collected c;

	EXPECT_EQ(timerfd_settime(once, 0, &set, NULL), 0);
	set.it_interval.tv_sec = 1000;
	EXPECT_EQ(timerfd_settime(often, 0, &set, NULL), 0);
	usleep(20000);
	c = collect_self();
	d = detail_of(file_of(&c, once), DETAIL_TIMERFD);
	EXPECT_EQ(d->ticks, 1);
	EXPECT_EQ(d->expired, 1);
	EXPECT_EQ(d->is_armed, 0);
	d = detail_of(file_of(&c, often), DETAIL_TIMERFD);
	EXPECT_EQ(d->ticks, 1);
	EXPECT_EQ(d->is_armed, 1);
	EXPECT_EQ(d->is_queued, 0);
	EXPECT_EQ(d->interval_ns, 1000000000000);
	d = detail_of(file_of(&c, never), DETAIL_TIMERFD);
	EXPECT_EQ(d->is_armed, 0);
	EXPECT_EQ(d->expires_ns, 0);
}

TEST(signalfd)
{
	struct collected c;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	fd = signalfd(-1, &set, 0);
	c = collect_self();
	EXPECT_EQ(((struct signalfd_detail *)detail_of(file_of(&c, fd), DETAIL_SIGNALFD))->mask,
		  1ULL << (SIGUSR1 - 1) | 1ULL << (SIGRTMIN + 2));
}

TEST(pipes)
{
	int plain[2], packets[2], page = sysconf(_SC_PAGESIZE);
	const struct pipe_detail *d, *e;
	struct collected c;
	char data[5000] = "";

	EXPECT_EQ(pipe(plain), 0);
	EXPECT_EQ(pipe2(packets, O_DIRECT), 0);
	EXPECT_GE(fcntl(plain[1], F_SETPIPE_SZ, 8 * page), 8 * page);
	EXPECT_EQ(write(plain[1], data, sizeof(data)), (ssize_t)sizeof(data));
	EXPECT_EQ(read(plain[0], data, 4), 4);
	EXPECT_EQ(write(packets[1], "ab", 2), 2);
	EXPECT_EQ(write(packets[1], "c", 1), 1);
	EXPECT_EQ(dup(plain[0]) > 0, 1);
	c = collect_self();
	d = detail_of(file_of(&c, plain[0]), DETAIL_PIPE);
	e = detail_of(file_of(&c, plain[1]), DETAIL_PIPE);
	EXPECT_EQ(d->pipe, e->pipe);
	EXPECT_EQ(d->bytes, 4996);
	EXPECT_EQ(d->max_usage * page, fcntl(plain[0], F_GETPIPE_SZ));
	EXPECT_EQ(d->readers, 1);
	EXPECT_EQ(d->writers, 1);
	EXPECT_EQ(d->is_fifo, 0);
	EXPECT_EQ(d->n_packets, 0);
	d = detail_of(file_of(&c, packets[0]), DETAIL_PIPE);
	EXPECT_EQ(d->bytes, 3);
	EXPECT_EQ(d->n_buffers, 2);
	EXPECT_EQ(d->n_packets, 2);
	EXPECT_NE(d->pipe, e->pipe);
}

TEST(fifo)
{
	char dir[] = "/tmp/collect-XXXXXX", path[64];
	const struct pipe_detail *d;
	struct collected c;
	int fd;

	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	EXPECT_EQ(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	EXPECT_EQ(write(fd, "abc", 3), 3);
	unlink(path);
	rmdir(dir);
	c = collect_self();
	d = detail_of(file_of(&c, fd), DETAIL_PIPE);
	EXPECT_EQ(d->is_fifo, 1);
	EXPECT_EQ(d->bytes, 3);
	EXPECT_EQ(d->readers, 1);
	EXPECT_EQ(d->writers, 1);
	EXPECT_EQ(file_of(&c, fd)->nlink, 0);
}

TEST(memory_files)
{
	int plain = memfd_create("named", MFD_ALLOW_SEALING), huge;
	char page[4096] = "x";
	const struct memfd_detail *d;
	struct collected c;
	struct stat st;

	EXPECT_EQ(write(plain, page, sizeof(page)), (ssize_t)sizeof(page));
	EXPECT_EQ(ftruncate(plain, 1234567), 0);
	EXPECT_EQ(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	huge = memfd_create("huge", MFD_HUGETLB);
	fstat(plain, &st);
	c = collect_self();
	d = detail_of(file_of(&c, plain), DETAIL_MEMFD);
	EXPECT_EQ(d->size, 1234567);
	EXPECT_EQ(d->blocks, st.st_blocks);
	EXPECT_EQ(d->seals, F_SEAL_SHRINK | F_SEAL_GROW);
	EXPECT_EQ(d->is_hugetlb, 0);
	EXPECT_EQ(d->is_internal, 1);
	EXPECT_STREQ(path_of(file_of(&c, plain), file_of(&c, plain)->path),
		     "/memfd:named (deleted)");
	if (huge < 0)
		return;
	fstat(huge, &st);
	d = detail_of(file_of(&c, huge), DETAIL_MEMFD);
	EXPECT_EQ(d->is_hugetlb, 1);
	EXPECT_EQ(1L << d->page_shift, st.st_blksize);
	EXPECT_EQ(d->seals, fcntl(huge, F_GET_SEALS));
}

TEST(pidfds_and_namespaces)
{
	pid_t child = child_that((void (*)(void *))sync, NULL), ended = test_fork();
	int alive = pidfd_open(child, 0), reaped, net = open("/proc/self/ns/net", O_RDONLY);
	const struct pidfd_detail *p;
	const struct nsfd_detail *n;
	struct collected c;
	struct stat st;

	if (!ended)
		_exit(0);
	reaped = pidfd_open(ended, 0);
	waitpid(ended, NULL, 0);
	c = collect_self();
	p = detail_of(file_of(&c, alive), DETAIL_PIDFD);
	EXPECT_EQ(p->target.host, child);
	EXPECT_EQ(p->target.virt, child);
	EXPECT_EQ(p->is_reaped, 0);
	EXPECT_STREQ(file_of(&c, alive)->anon_name, "pidfd");
	stat("/proc/self/ns/pid", &st);
	EXPECT_EQ(p->pid_ns, st.st_ino);
	p = detail_of(file_of(&c, reaped), DETAIL_PIDFD);
	EXPECT_EQ(p->is_reaped, 1);
	fstat(net, &st);
	n = detail_of(file_of(&c, net), DETAIL_NSFD);
	EXPECT_EQ(n->inum, st.st_ino);
	EXPECT_STREQ(n->name, "net");
	end_child(child);
}

TEST(what_is_open_by_path_alone_has_no_detail)
{
	char path[] = "/tmp/collect-XXXXXX";
	struct collected c;
	int fd;

	close(mkstemp(path));
	unlink(path);
	EXPECT_EQ(mkfifo(path, 0600), 0);
	fd = open(path, O_PATH);
	c = collect_self();
	EXPECT_EQ(file_of(&c, fd)->detail_type, DETAIL_NONE);
	EXPECT(file_of(&c, fd)->f_flags & O_PATH);
	EXPECT(S_ISFIFO(file_of(&c, fd)->i_mode));
	unlink(path);
}

TEST(details_parts_and_paths_can_be_left_out)
{
	int fd = eventfd(4, 0), ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	struct collected c;

	EXPECT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	c = collect(getpid(), COLLECT_FILES | COLLECT_RUNNING | COLLECT_NO_PARTS |
				      COLLECT_NO_PATHS | COLLECT_NO_DETAILS);
	EXPECT_EQ(count_records(&c, RECORD_EPOLL_PART), 0);
	EXPECT_EQ(count_records(&c, RECORD_TASK), 0);
	for_each_record(&c, rec) EXPECT_EQ(rec->size, sizeof(struct file_record));
	EXPECT_EQ(file_of(&c, ep)->n_epoll, 0);
	EXPECT_EQ(file_of(&c, fd)->detail_type, DETAIL_NONE);
}
