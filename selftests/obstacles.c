// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors that cannot be carried. Run by cases/refusals.py with their names: obstacles.h. */
#include "obstacles.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_alg.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/memfd.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/un.h>

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

/* The kernel may keep what was asked for by it. */
static int make_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
}

static int make_netlink_queue(void)
{
	struct nlmsghdr ask = {.nlmsg_len = sizeof(ask), .nlmsg_type = NLMSG_NOOP,
			       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	return send(fd, &ask, sizeof(ask), 0) == sizeof(ask) ? fd : -1;
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

/* What cannot be carried is found in a queue, too, where no process has it open any more. */
static int make_unix_flight(void)
{
	return send_away(socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC));
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

/* Its name is taken: it cannot be bound to that again. */
static int make_unix_renamed(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "name"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(fd, (void *)&addr, sizeof(addr)) < 0 || rename("name", "another") < 0 ||
	    close(open("name", O_RDWR | O_CREAT, 0600)))
		return -1;
	return fd;
}

/* Its file is gone, and its name is another's. */
static int make_unix_replaced(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char dir[sizeof(addr.sun_path) - 16];

	if (!getcwd(dir, sizeof(dir)))
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/replaced", dir);
	if (bind(fd, (void *)&addr, sizeof(addr)) < 0 || unlink("replaced") < 0 ||
	    close(open("replaced", O_RDWR | O_CREAT, 0600)))
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

/* It serves a file system, which stands nowhere and has ended again. */
static int make_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR), fs = syscall(SYS_fsopen, "fuse", 0);
	static const char *const names[] = {"source", "fd", "rootmode", "user_id", "group_id"};
	char number[16];
	int rc = fd < 0 || fs < 0 ? -1 : 0;

	snprintf(number, sizeof(number), "%d", fd);
	for (size_t i = 0; i < 5 && !rc; i++)
		rc = syscall(SYS_fsconfig, fs, 1 /* FSCONFIG_SET_STRING */, names[i],
			     i == 1 ? number : i == 2 ? "40000" : "0", 0);
	rc = rc ?: syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0);
	close(fs);
	return rc ? -1 : fd;
}

static int make_mqueue(void)
{
	int fd = syscall(SYS_mq_open, "crbpf-test-queue", O_RDWR | O_CREAT, 0600, NULL);

	syscall(SYS_mq_unlink, "crbpf-test-queue");
	return fd;
}

static int make_alg(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static int make_mptcp(void)
{
	return socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
}

static int make_xdp(void)
{
	return socket(AF_XDP, SOCK_RAW, 0);
}

static int load_program(void)
{
	const struct bpf_insn code[] = {{.code = 0xb7}, {.code = 0x95}}; /* r0 = 0; exit */
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT};

	attr.insns = (unsigned long)code;
	attr.insn_cnt = 2;
	attr.license = (unsigned long)"GPL";
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int make_bpf_program(void)
{
	return load_program();
}

static int make_bpf_link(void)
{
	union bpf_attr attr = {};
	int program = load_program(), link;

	attr.raw_tracepoint.name = (unsigned long)"sched_process_exec";
	attr.raw_tracepoint.prog_fd = program;
	link = syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
	close(program);
	return link;
}

static int make_kvm(void)
{
	return open("/dev/kvm", O_RDWR);
}

static int make_block_device(void)
{
	return open("/dev/loop0", O_RDONLY);
}

static int make_namespace(void)
{
	return open("/proc/self/ns/uts", O_RDONLY);
}

static int make_ruleset(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SYM,
	};

	return syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
}

static int make_new_mount(void)
{
	return syscall(SYS_fsopen, "tmpfs", 0);
}

/* A directory of a mount that stands nowhere. */
static int make_detached_mount(void)
{
	return syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
}

/* The kernel is to tell when memory is short: what was asked for only this file knows. */
static int make_pressure(void)
{
	const char *trigger = "some 1900000 2000000";
	int fd = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK);

	return fd < 0 || write(fd, trigger, strlen(trigger) + 1) < 0 ? -1 : fd;
}

/* cgroups of version 1 tell by it how much memory is used; here never. */
static int make_eventfd_told(void)
{
	char line[512], dir[512] = "", path[600];
	FILE *f = fopen("/proc/self/cgroup", "re");
	int fd = eventfd(0, 0), control, usage, rc;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d:memory:%500s", dir) == 1)
			break;
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/sys/fs/cgroup/memory%s/memory.usage_in_bytes", dir);
	usage = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/sys/fs/cgroup/memory%s/cgroup.event_control", dir);
	control = open(path, O_WRONLY);
	snprintf(line, sizeof(line), "%d %d %llu", fd, usage, 1ull << 60);
	rc = *dir ? write(control, line, strlen(line)) : -1;
	close(usage);
	close(control);
	return rc < 0 ? -1 : fd;
}

static int make_dnotify(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	signal(SIGIO, SIG_IGN);
	return fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT) ? -1 : fd;
}

static int make_watch_queue(void)
{
	int ends[2];

	if (pipe2(ends, O_EXCL /* O_NOTIFICATION_PIPE */))
		return -1;
	close(ends[1]);
	return ends[0];
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

/* By as little as can be, there and back. */
static int make_timerfd_cancelled(void)
{
	struct itimerspec far = {.it_value.tv_sec = 1LL << 40};
	struct timex forth = {.modes = ADJ_SETOFFSET | ADJ_NANO, .time.tv_usec = 1};
	struct timex back = {.modes = ADJ_SETOFFSET | ADJ_NANO,
			     .time = {.tv_sec = -1, .tv_usec = 999999999}};
	int fd = timerfd_create(CLOCK_REALTIME, 0);

	if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL))
		return -1;
	return adjtimex(&forth) < 0 || adjtimex(&back) < 0 ? -1 : fd;
}

/* A tap that drops what its program says. */
static int make_tap_filter(void)
{
	struct sock_filter filter[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog prog = {1, filter};
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	strcpy(request.ifr_name, "crbpf%d");
	return ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNATTACHFILTER, &prog) ? -1 : fd;
}

static const struct obstacle obstacles[] = {
	{"inotify_overflow", make_inotify_overflow},
	{"fanotify_permission", make_fanotify_permission},
	{"fanotify_unread", make_fanotify_unread},
	{"netlink", make_netlink},
	{"netlink_queue", make_netlink_queue},
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
	{"unix_replaced", make_unix_replaced},
	{"lease", make_lease},
	{"pidfd", make_pidfd},
	{"userfaultfd", make_userfaultfd},
	{"io_uring", make_io_uring},
	{"bpf_map", make_bpf_map},
	{"perf_event", make_perf_event},
	{"secretmem", make_secretmem},
	{"fuse", make_fuse},
	{"mqueue", make_mqueue},
	{"reuseport_program", make_reuseport_program},
	{"alg", make_alg},
	{"mptcp", make_mptcp},
	{"xdp", make_xdp},
	{"bpf_program", make_bpf_program},
	{"bpf_link", make_bpf_link},
	{"kvm", make_kvm},
	{"block_device", make_block_device},
	{"namespace", make_namespace},
	{"ruleset", make_ruleset},
	{"new_mount", make_new_mount},
	{"detached_mount", make_detached_mount},
	{"pressure", make_pressure},
	{"dnotify", make_dnotify},
	{"watch_queue", make_watch_queue},
	{"eventfd_told", make_eventfd_told},
	{"tap_filter", make_tap_filter},
	{"timerfd_cancelled", make_timerfd_cancelled},
};

int main(int argc, char **argv)
{
	return obstacles_main(obstacles, sizeof(obstacles) / sizeof(obstacles[0]), argc, argv);
}
