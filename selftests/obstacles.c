// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes what cannot be carried, so that it is refused. Run by cases/refusals.py with names of
 * obstacles, after "flying_" in a queue; without, it lists them. Beyond what it was asked for it has nothing.
 */
#include "subject.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/memfd.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* Each returns a descriptor, or 0 if the obstacle is none; -1 if this kernel lacks it. */

/* More events than it keeps. */
static int make_inotify_overflow(void)
{
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	int fd = inotify_init1(0), max = 0;

	if (!f || fscanf(f, "%d", &max) != 1 || inotify_add_watch(fd, "/dev/null", IN_OPEN) < 0 ||
	    inotify_add_watch(fd, "/dev/zero", IN_OPEN) < 0)
		return -1;
	fclose(f);
	for (int i = 0; i < max / 2 + 1; i++) {
		close(open("/dev/null", O_RDONLY));
		close(open("/dev/zero", O_RDONLY));
	}
	return fd;
}

/* Nobody answers while it stands still: whoever opens the file waits. */
static int make_fanotify_permission(void)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);

	close(open("guarded", O_RDWR | O_CREAT, 0600));
	return fanotify_mark(fd, FAN_MARK_ADD, FAN_ACCESS_PERM, AT_FDCWD, "guarded") ? -1 : fd;
}

static int make_fanotify_unread(void)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);

	close(open("unread", O_RDWR | O_CREAT, 0600));
	if (fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "unread"))
		return -1;
	close(open("unread", O_RDONLY));
	return fd;
}

static int make_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

static int make_packet(void)
{
	return socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
}

static int make_raw(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int make_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

/* A connection: without --tcp-established it must not be touched. */
static int make_tcp(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (void *)&addr, len) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (void *)&addr, &len) < 0 || connect(client, (void *)&addr, len) < 0)
		return -1;
	return client;
}

/* Clients that wait to be accepted would be lost. */
static int make_waiting_client(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (void *)&addr, len) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (void *)&addr, &len) < 0 || connect(client, (void *)&addr, len) < 0)
		return -1;
	close(client);
	return server;
}

static int make_udp_queue(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (bind(fd, (void *)&addr, len) < 0 || getsockname(fd, (void *)&addr, &len) < 0 ||
	    sendto(fd, "x", 1, 0, (void *)&addr, len) != 1)
		return -1;
	return fd;
}

static int make_multicast(void)
{
	struct ip_mreqn group = {{htonl(0xe0050607)}, {htonl(INADDR_LOOPBACK)}, 0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) < 0 ? -1 : fd;
}

/* Leaves @fd in a queue, where nobody has it open any more. Returns who could receive it. */
static int send_away(int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {"x", 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int pair[2];

	*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(int));
	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    write(pair[0], "plain", 5) != 5 || sendmsg(pair[0], &msg, 0) != 1)
		return -1;
	close(fd);
	return pair[1];
}

/* What cannot be carried is found in a queue, too, where no process has it open any more. */
static int make_unix_flight(void)
{
	return send_away(socket(AF_NETLINK, SOCK_RAW, 0));
}

/* What is wrong with these only their parts tell, or their path. */
static int make_locked(void)
{
	int fd = open("locked", O_RDWR | O_CREAT, 0600);

	return flock(fd, LOCK_EX | LOCK_NB) ? -1 : fd;
}

static int make_unlinked(void)
{
	int fd = open("first", O_RDWR | O_CREAT, 0600);

	return link("first", "second") || unlink("first") ? -1 : fd;
}

static int make_unix_renamed(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "name"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(fd, (void *)&addr, sizeof(addr)) < 0 || rename("name", "another") < 0)
		return -1;
	return fd;
}

/* A file in a connection that nobody has accepted: nothing can read it. */
static int make_unix_arrival(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(addr.sun_family);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {"x", 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};

	*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &listener, sizeof(int));
	if (bind(listener, (void *)&addr, len) < 0 || listen(listener, 1) < 0)
		return -1;
	len = sizeof(addr);
	if (getsockname(listener, (void *)&addr, &len) < 0 ||
	    connect(client, (void *)&addr, len) < 0 || sendmsg(client, &msg, 0) != 1)
		return -1;
	return listener;
}

/* One that somebody waits for. */
static int make_lease(void)
{
	int fd = open("leased", O_RDONLY | O_CREAT, 0600);

	signal(SIGIO, SIG_IGN);
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0 ||
	    open("leased", O_WRONLY | O_NONBLOCK) >= 0 || errno != EWOULDBLOCK)
		return -1;
	return fd;
}

static int make_pidfd(void)
{
	return syscall(SYS_pidfd_open, getppid(), 0);
}

static int make_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
}

static int make_io_uring(void)
{
	struct io_uring_params params = {};

	return syscall(SYS_io_uring_setup, 4, &params);
}

static int make_bpf_map(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};

	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int make_perf_event(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr)};

	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static int make_secretmem(void)
{
	return syscall(SYS_memfd_secret, 0);
}

/* With an interface that nobody uses, and that ends with it. */
static int make_tun(void)
{
	struct ifreq request = {.ifr_name = "crbpf%d", .ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR);

	return fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ? -1 : fd;
}

static int make_fuse(void)
{
	return open("/dev/fuse", O_RDWR);
}

static int make_mqueue(void)
{
	int fd = syscall(SYS_mq_open, "crbpf-test-queue", O_RDWR | O_CREAT, 0600, NULL);

	syscall(SYS_mq_unlink, "crbpf-test-queue");
	return fd;
}

static int make_network_namespace(void)
{
	return unshare(CLONE_NEWNET);
}

static int make_mount_namespace(void)
{
	return unshare(CLONE_NEWNS);
}

static int make_ipc_namespace(void)
{
	return unshare(CLONE_NEWIPC);
}

static int make_uts_namespace(void)
{
	return unshare(CLONE_NEWUTS);
}

/* A child traced by this process. */
static int make_traced(void)
{
	pid_t pid = subject_fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		pause();
	}
	return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

/* A child that waits in vfork for its own: the kernel does not let it stop. */
static int make_vfork(void)
{
	volatile int *is_up = subject_shared(4096);

	if (subject_fork() == 0) {
		if (vfork() == 0) {
			*is_up = 1;
			for (;;)
				pause();
		}
		_exit(0);
	}
	return subject_await(*is_up) ? 0 : -1;
}

/* Kernel asynchronous IO. */
static int make_aio(void)
{
	static unsigned long context;

	return syscall(SYS_io_setup, 8, &context);
}

static int make_time_namespace(void)
{
	return unshare(CLONE_NEWTIME);
}

static int make_pid_namespace(void)
{
	return unshare(CLONE_NEWPID);
}

/* A child whose first thread has ended, while another runs. */
static void *run_on(void *arg)
{
	*(volatile int *)arg = 1;
	for (;;)
		pause();
	return arg;
}

static int make_headless(void)
{
	volatile int *is_up = subject_shared(4096);
	pthread_t t;

	if (subject_fork() == 0) {
		pthread_create(&t, NULL, run_on, (void *)is_up);
		syscall(SYS_exit, 0);
	}
	return subject_await(*is_up) ? 0 : -1;
}

/* Threads with a directory, and with descriptors, of their own. */
static void *unshare_and_run(void *arg)
{
	volatile int *flags = arg;

	if (unshare(*flags))
		*flags = -1;
	else
		*flags = 0;
	for (;;)
		pause();
	return arg;
}

static int make_unsharing_thread(int flag)
{
	static volatile int flags;
	pthread_t t;

	flags = flag;
	pthread_create(&t, NULL, unshare_and_run, (void *)&flags);
	return subject_await(flags != flag) && !flags ? 0 : -1;
}

static int make_thread_directory(void)
{
	return make_unsharing_thread(CLONE_FS);
}

static int make_thread_descriptors(void)
{
	return make_unsharing_thread(CLONE_FILES);
}

/* Processes that share memory, and signal handlers with it. */
static int idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static int make_shared_memory(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	return clone(idle, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) > 0 ? 0 : -1;
}

static int make_shared_handlers(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	return clone(idle, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL) > 0 ? 0 : -1;
}

static int semaphore = -1;

static void remove_semaphore(void)
{
	semctl(semaphore, 0, IPC_RMID);
}

static int make_semaphore_undo(void)
{
	struct sembuf up = {0, 1, SEM_UNDO};

	semaphore = semget(IPC_PRIVATE, 1, 0600);
	atexit(remove_semaphore);
	return semaphore < 0 ? -1 : semop(semaphore, &up, 1);
}

/* A filter that asks a supervisor. */
static int make_seccomp_listener(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_acct, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(filter) / sizeof(filter[0]), filter};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static int make_landlock(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	int ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0))
		return -1;
	close(ruleset);
	return 0;
}

/* Keyrings by their special numbers: -1 the thread's, -2 the process's, -3 the session's. */
static int make_key(int ring)
{
	return syscall(SYS_add_key, "user", "crbpf:secret", "x", 1UL, ring) < 0 ? -1 : 0;
}

static int make_thread_key(void)
{
	return make_key(-1);
}

/* Named like a user's keyring, and like what systemd keeps in a session's. */
static int make_users_name(void)
{
	return syscall(SYS_add_key, "user", "_uid.0", "x", 1UL, -2) < 0 ? -1 : 0;
}

static int make_users_ring(void)
{
	return syscall(SYS_add_key, "keyring", "_uid.0", NULL, 0UL, -2) < 0 ? -1 : 0;
}

static int make_invocation(void)
{
	if (syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL) < 0)
		return -1;
	return syscall(SYS_add_key, "user", "invocation", "x", 1UL, -3) < 0 ? -1 : 0;
}

static int make_thread_invocation(void)
{
	return syscall(SYS_add_key, "user", "invocation_id", "x", 1UL, -1) < 0 ? -1 : 0;
}

static int make_process_key(void)
{
	return make_key(-2);
}

static int make_session_key(void)
{
	return syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL) < 0 ? -1 : make_key(-3);
}

static int make_reuseport_program(void)
{
	struct sock_filter filter[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog prog = {1, filter};
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, (void *)&addr, sizeof(addr)) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog)) ? -1 : fd;
}

static const struct obstacle {
	const char *name;
	int (*make)(void);
} obstacles[] = {
	{"inotify_overflow", make_inotify_overflow},
	{"fanotify_permission", make_fanotify_permission},
	{"fanotify_unread", make_fanotify_unread},
	{"netlink", make_netlink},
	{"packet", make_packet},
	{"raw", make_raw},
	{"vsock", make_vsock},
	{"tcp", make_tcp},
	{"waiting_client", make_waiting_client},
	{"udp_queue", make_udp_queue},
	{"multicast", make_multicast},
	{"unix_arrival", make_unix_arrival},
	{"unix_flight", make_unix_flight},
	{"locked", make_locked},
	{"unlinked", make_unlinked},
	{"unix_renamed", make_unix_renamed},
	{"lease", make_lease},
	{"pidfd", make_pidfd},
	{"userfaultfd", make_userfaultfd},
	{"io_uring", make_io_uring},
	{"bpf_map", make_bpf_map},
	{"perf_event", make_perf_event},
	{"secretmem", make_secretmem},
	{"tun", make_tun},
	{"fuse", make_fuse},
	{"mqueue", make_mqueue},
	{"network_namespace", make_network_namespace},
	{"mount_namespace", make_mount_namespace},
	{"ipc_namespace", make_ipc_namespace},
	{"uts_namespace", make_uts_namespace},
	{"traced", make_traced},
	{"vfork", make_vfork},
	{"aio", make_aio},
	{"time_namespace", make_time_namespace},
	{"pid_namespace", make_pid_namespace},
	{"headless", make_headless},
	{"thread_directory", make_thread_directory},
	{"thread_descriptors", make_thread_descriptors},
	{"shared_memory", make_shared_memory},
	{"shared_handlers", make_shared_handlers},
	{"semaphore_undo", make_semaphore_undo},
	{"seccomp_listener", make_seccomp_listener},
	{"landlock", make_landlock},
	{"thread_key", make_thread_key},
	{"process_key", make_process_key},
	{"session_key", make_session_key},
	{"users_name", make_users_name},
	{"users_ring", make_users_ring},
	{"invocation", make_invocation},
	{"thread_invocation", make_thread_invocation},
	{"reuseport_program", make_reuseport_program},
};
#define FLYING "flying_" /* before a name: in a queue */
#define N (sizeof(obstacles) / sizeof(obstacles[0]))

int main(int argc, char **argv)
{
	for (size_t i = 0; i < N && argc == 1; i++)
		puts(obstacles[i].name);
	if (argc == 1)
		return 0;
	for (int a = 1; a < argc; a++) {
		bool is_flying = !strncmp(argv[a], FLYING, strlen(FLYING));

		for (size_t i = 0; i < N; i++) {
			int fd;

			if (strcmp(argv[a] + (is_flying ? strlen(FLYING) : 0), obstacles[i].name) != 0)
				continue;
			fd = obstacles[i].make();
			if (is_flying && fd > 0)
				fd = send_away(fd);
			if (fd < 0 && argc == 2)
				subject_skip("needs %s: %m", obstacles[i].name);
			if (fd >= 0)
				subject_say("made", "%s %d", obstacles[i].name, fd);
		}
	}
	subject_need(subject_told("made"), "none of them could be made");
	subject_ready();
	subject_wait_restored();
	return subject_end();
}
