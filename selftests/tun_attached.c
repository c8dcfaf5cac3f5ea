// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/net/tun with interfaces attached: one that ends with its program, with an address; one that
 * is persistent; two queues of a third, one of them detached; shared by dup and fork, and one that
 * waits in the queue of a socket. Packets pass before and after.
 */
#include "subject.h"

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PAYLOAD "through the tunnel"

static int fd_of(const char *name, int flags)
{
	struct ifreq request = {.ifr_flags = (short)flags};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	strcpy(request.ifr_name, name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		subject_skip("needs /dev/net/tun: %s", strerror(errno));
	subject_say("interfaces", "%s", name);
	return fd;
}

/* 198.18.n.1 with its neighbours beyond the tunnel; a range for tests of networks. */
static struct sockaddr_in address(int n, int host)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(4711),
				    .sin_addr.s_addr = htonl(198u << 24 | 18 << 16 | n << 8 | host)};
}

static void bring_up(const char *name, int n)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in own = address(n, 1), mask = {.sin_family = AF_INET};
	struct ifreq request = {0};

	strcpy(request.ifr_name, name);
	memcpy(&request.ifr_addr, &own, sizeof(own));
	subject_need(!ioctl(sock, SIOCSIFADDR, &request), "SIOCSIFADDR: %m");
	mask.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&request.ifr_netmask, &mask, sizeof(mask));
	subject_need(!ioctl(sock, SIOCSIFNETMASK, &request), "SIOCSIFNETMASK: %m");
	request.ifr_flags = IFF_UP;
	subject_need(!ioctl(sock, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS: %m");
	close(sock);
}

/* What is sent to a neighbour comes out at @fd, behind @header bytes. */
static void check_packet(int fd, int n, size_t header, const char *when)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = address(n, 2);
	int patience = subject_through_criu() ? 100 : 5000;
	char packet[2000];
	bool found = false;

	subject_check(sendto(sock, PAYLOAD, strlen(PAYLOAD), 0, (void *)&to, sizeof(to)) > 0,
		      "%s: sendto: %m", when);
	for (int tries = 0; tries < patience && !found; tries++) {
		ssize_t got = read(fd, packet, sizeof(packet));

		if (got < 0)
			usleep(1000);
		/* Others (of IPv6) look for neighbours, too. */
		found = got == (ssize_t)(header + 20 + 8 + strlen(PAYLOAD)) &&
			!memcmp(packet + header + 28, PAYLOAD, strlen(PAYLOAD));
	}
	subject_check(found, "%s: no packet came out of tunnel %d", when, n);
	close(sock);
}

static void check_settings(int fd, const char *name, int header, int buffer)
{
	struct ifreq request = {0};
	int value = -1;

	subject_check(!ioctl(fd, TUNGETIFF, &request) && !strcmp(request.ifr_name, name),
		      "its interface is %s: %m", request.ifr_name);
	subject_check(!ioctl(fd, TUNGETVNETHDRSZ, &value) && value == header, "%s: headers of %d",
		      name, value);
	subject_check(!ioctl(fd, TUNGETSNDBUF, &value) && value == buffer, "%s: buffer of %d", name,
		      value);
}

static bool is_detached(int fd)
{
	struct ifreq request = {0};

	return !ioctl(fd, TUNGETIFF, &request) && request.ifr_flags & IFF_DETACH_QUEUE;
}

static unsigned int flags_of(const char *name)
{
	char path[100];
	unsigned int flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/tun_flags", name);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%i", (int *)&flags) != 1)
		flags = 0;
	if (f)
		fclose(f);
	return flags;
}

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	*cmsg = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	subject_need(sendmsg(sock, &msg, 0) == 1, "sendmsg: %m");
	close(fd);
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* Writes a byte and is read from when it is to look. */
static pid_t start_child(int tun, int n, int *ret_go)
{
	int go[2];
	pid_t pid;
	char byte;

	subject_need(!pipe(go), "pipe: %m");
	pid = fork();
	subject_need(pid >= 0, "fork: %m");
	*ret_go = go[1];
	if (pid) {
		close(go[0]);
		return pid;
	}
	close(go[1]);
	if (read(go[0], &byte, 1) == 1)
		check_packet(tun, n, 0, "in the child");
	_exit(0);
}

int main(void)
{
	char once[IFNAMSIZ], stays[IFNAMSIZ], queues[IFNAMSIZ], queued[IFNAMSIZ];
	int base = getpid() % 50 * 4, buffer = 100000, header = 12, off = 0, go, status, pair[2];
	int fd_once, fd_dup, fd_stays, fd_queues[2], fd_queued;
	struct ifreq detach = {.ifr_flags = IFF_DETACH_QUEUE};
	unsigned int index, flags;
	pid_t child;

	snprintf(once, sizeof(once), "cr%do", getpid());
	snprintf(stays, sizeof(stays), "cr%ds", getpid());
	snprintf(queues, sizeof(queues), "cr%dq", getpid());
	snprintf(queued, sizeof(queued), "cr%dw", getpid());

	fd_once = fd_of(once, IFF_TUN | IFF_NO_PI);
	bring_up(once, base);
	fd_dup = dup(fd_once);
	index = if_nametoindex(once);
	fd_stays = fd_of(stays, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	subject_need(!ioctl(fd_stays, TUNSETPERSIST, 1), "TUNSETPERSIST: %m");
	subject_need(!ioctl(fd_stays, TUNSETVNETHDRSZ, &header), "TUNSETVNETHDRSZ: %m");
	subject_need(!ioctl(fd_stays, TUNSETSNDBUF, &buffer), "TUNSETSNDBUF: %m");
	bring_up(stays, base + 1);
	fd_queues[0] = fd_of(queues, IFF_TAP | IFF_MULTI_QUEUE);
	fd_queues[1] = fd_of(queues, IFF_TAP | IFF_MULTI_QUEUE);
	subject_need(!ioctl(fd_queues[1], TUNSETQUEUE, &detach), "TUNSETQUEUE: %m");
	fd_queued = fd_of(queued, IFF_TUN | IFF_NO_PI);
	bring_up(queued, base + 2);
	subject_need(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair: %m");
	send_fd(pair[0], fd_queued);
	child = start_child(fd_once, base, &go);
	check_packet(fd_once, base, 0, "before");
	check_packet(fd_stays, base + 1, (size_t)header, "before");
	flags = flags_of(once);

	subject_ready();
	subject_wait_restored();

	subject_check(if_nametoindex(once) == index, "%s is another interface", once);
	subject_check(flags_of(once) == flags, "flags of %s: %#x, were %#x", once, flags_of(once), flags);
	check_settings(fd_once, once, 10, INT_MAX);
	check_packet(fd_once, base, 0, "after");
	check_packet(fd_dup, base, 0, "by the dup");
	check_settings(fd_stays, stays, header, buffer);
	check_packet(fd_stays, base + 1, (size_t)header, "after");
	subject_check(flags_of(stays) & IFF_PERSIST, "%s is not persistent any more", stays);
	subject_check(!is_detached(fd_queues[0]) && is_detached(fd_queues[1]), "queues: %d %d",
		      is_detached(fd_queues[0]), is_detached(fd_queues[1]));
	detach.ifr_flags = IFF_ATTACH_QUEUE;
	subject_check(!ioctl(fd_queues[1], TUNSETQUEUE, &detach), "TUNSETQUEUE: %m");
	fd_queued = receive_fd(pair[1]);
	check_packet(fd_queued, base + 2, 0, "in flight");
	subject_check(write(go, "", 1) == 1, "write: %m");
	subject_check(waitpid(child, &status, 0) == child && !status, "the child: %x", status);
	subject_check(!ioctl(fd_stays, TUNSETPERSIST, off), "TUNSETPERSIST: %m");
	return subject_end();
}
