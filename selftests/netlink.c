// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink sockets: ports, groups beyond the first word, options, a filter, and whom a connected one
 * sends to. The kernel answers, and what is sent to a group arrives; a filter lets nothing of other
 * processes in, nor of the kernel.
 */
#include "subject.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <sys/socket.h>

#define GROUP 20	/* of uevents, of which the kernel and udev use two */
#define WORDS 8

static const int groups[] = {RTNLGRP_PHONET_IFADDR, RTNLGRP_DCB, 33};
static const int options[] = {NETLINK_PKTINFO, NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_NO_ENOBUFS,
			      NETLINK_GET_STRICT_CHK};
#define N(array) (int)(sizeof(array) / sizeof(*(array)))

static int make(int type, int protocol, int own_groups)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = own_groups};
	int fd = socket(AF_NETLINK, type, protocol);

	subject_need(fd >= 0 && bind(fd, (void *)&address, sizeof(address)) == 0, "bind: %m");
	return fd;
}

static uint32_t port_of(int fd)
{
	struct sockaddr_nl address = {};
	socklen_t n = sizeof(address);

	subject_check(getsockname(fd, (void *)&address, &n) == 0, "getsockname: %m");
	return address.nl_pid;
}

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t n = sizeof(value);

	subject_check(getsockopt(fd, level, name, &value, &n) == 0, "option %d: %m", name);
	return value;
}

static void join(int fd)
{
	for (int i = 0; i < N(groups); i++)
		subject_need(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
					sizeof(int)) == 0, "group %d: %m", groups[i]);
}

static void check_groups(const char *who, int fd, bool is_member)
{
	uint32_t words[WORDS] = {}, wanted[WORDS] = {};
	socklen_t n = sizeof(words);

	for (int i = 0; is_member && i < N(groups); i++)
		wanted[(groups[i] - 1) / 32] |= 1U << (groups[i] - 1) % 32;
	subject_check(getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &n) == 0 &&
		      !memcmp(words, wanted, sizeof(words)), "%s: groups %#x %#x", who, words[0], words[1]);
}

/* An acknowledgement of the kernel's, addressed to this port. */
static void check_answer(const char *who, int fd)
{
	struct nlmsghdr ask = {.nlmsg_len = sizeof(ask), .nlmsg_type = NLMSG_NOOP, .nlmsg_seq = 7,
			       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
	struct {
		struct nlmsghdr head;
		char rest[512];
	} answer = {};

	subject_check(send(fd, &ask, sizeof(ask), 0) == sizeof(ask), "%s: send: %m", who);
	subject_check(recv(fd, &answer, sizeof(answer), 0) > 0 && answer.head.nlmsg_type == NLMSG_ERROR &&
		      answer.head.nlmsg_seq == 7 && answer.head.nlmsg_pid == port_of(fd),
		      "%s: type %d, port %u", who, answer.head.nlmsg_type, answer.head.nlmsg_pid);
}

static void check_arrival(const char *who, int from, const struct sockaddr_nl *to, int receiver)
{
	struct nlmsghdr message = {.nlmsg_len = sizeof(message), .nlmsg_type = NLMSG_NOOP}, is = {};
	struct sockaddr_nl sender = {};
	socklen_t n = sizeof(sender);

	message.nlmsg_seq = htonl(getpid());
	subject_check(sendto(from, &message, sizeof(message), 0, (void *)to, to ? sizeof(*to) : 0) ==
		      sizeof(message), "%s: %m", who);
	subject_check(recvfrom(receiver, &is, sizeof(is), MSG_DONTWAIT, (void *)&sender, &n) ==
		      sizeof(is) && is.nlmsg_seq == message.nlmsg_seq && sender.nl_pid == port_of(from),
		      "%s: not received: %m", who);
}

/* Only messages with this number may arrive. */
static void filter(int fd, uint32_t seq)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_seq)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {N(code), code};

	subject_need(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0,
		     "filter: %m");
}

int main(void)
{
	struct sockaddr_nl peer = {.nl_family = AF_NETLINK}, is = {},
			   group = {.nl_family = AF_NETLINK, .nl_groups = 1U << (GROUP - 1)};
	int route = make(SOCK_RAW, NETLINK_ROUTE, 0), plain = make(SOCK_RAW, NETLINK_ROUTE, 0);
	int unbound = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_SOCK_DIAG), one = 1;
	int receiver = make(SOCK_DGRAM, NETLINK_KOBJECT_UEVENT, 1 << (GROUP - 1));
	int deaf = make(SOCK_RAW, NETLINK_KOBJECT_UEVENT, 1 << (GROUP - 1));
	int sender = make(SOCK_RAW, NETLINK_KOBJECT_UEVENT, 0);
	uint32_t ports[] = {port_of(route), port_of(plain), port_of(receiver), port_of(sender)};
	socklen_t n = sizeof(is);

	subject_need(unbound >= 0, "socket: %m");
	filter(receiver, getpid());
	join(route);
	for (int i = 0; i < N(options); i++)
		subject_need(setsockopt(route, SOL_NETLINK, options[i], &one, sizeof(one)) == 0,
			     "option %d: %m", options[i]);
	subject_need(setsockopt(receiver, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0, "%m");
	filter(deaf, 0);
	while (recv(deaf, &is, sizeof(is), MSG_DONTWAIT) >= 0 ||
	       recv(receiver, &is, sizeof(is), MSG_DONTWAIT) >= 0)
		;
	peer.nl_pid = ports[2];
	subject_need(connect(sender, (void *)&peer, sizeof(peer)) == 0, "connect: %m");
	subject_ready();
	subject_wait_restored();

	subject_check(port_of(route) == ports[0] && port_of(plain) == ports[1] &&
		      port_of(receiver) == ports[2] && port_of(sender) == ports[3] &&
		      !port_of(unbound), "ports %u %u %u %u", port_of(route), port_of(plain),
		      port_of(receiver), port_of(sender));
	check_groups("route", route, true);
	check_groups("plain", plain, false);
	for (int i = 0; i < N(options); i++)
		subject_check(get(route, SOL_NETLINK, options[i]) == 1 &&
			      get(plain, SOL_NETLINK, options[i]) == 0, "option %d changed", options[i]);
	subject_check(get(receiver, SOL_SOCKET, SO_PASSCRED) == 1 && !get(deaf, SOL_SOCKET, SO_PASSCRED),
		      "SO_PASSCRED");
	subject_check(get(receiver, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM &&
		      get(deaf, SOL_SOCKET, SO_TYPE) == SOCK_RAW, "types");
	check_answer("route", route);
	check_answer("plain", plain);
	subject_check(getpeername(sender, (void *)&is, &n) == 0 && is.nl_pid == ports[2], "peer %u", is.nl_pid);
	check_arrival("connected", sender, NULL, receiver);
	check_arrival("to a group", deaf, &group, receiver);
	subject_check(recv(deaf, &is, sizeof(is), MSG_DONTWAIT) < 0, "the filter lets through");
	return subject_end();
}
