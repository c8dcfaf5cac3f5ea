// SPDX-License-Identifier: GPL-2.0-only
#include "check/links.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/netlink.h"
#include "lib/cleanup.h"

/* Newer than the oldest headers that crbpf is built with. */
#define TARGET_NETNSID 46	/* IFLA_TARGET_NETNSID */
#define NEW_IFINDEX    49	/* IFLA_NEW_IFINDEX */

#define NET_CAPS CAP_BIT(CAP_NET_ADMIN)

static void ask(struct answer *a, int protocol, struct netlink_request *r)
{
	char reply[256];
	long ret;

	r->head.nlmsg_flags |= NLM_F_REQUEST;
	ret = netlink_ask(protocol, r, reply, sizeof(reply));
	if (ret < 0)
		answer_failed(a, (int)ret, NET_CAPS, "the request is refused");
	else
		answer_yes(a, "%s", "");
}

static void put_inet(struct netlink_request *r, __u8 protocol)
{
	struct inet_diag_req_v2 body = { .sdiag_family = AF_INET,
					 .sdiag_protocol = protocol,
					 .idiag_states = ~0U };

	netlink_put(r, &body, sizeof(body));
}

/* Every socket of a kind; a new namespace has few. */
void probe_diag(const struct check *c, const struct probe *p, struct answer *a)
{
	struct netlink_request r = { .head = { .nlmsg_type = SOCK_DIAG_BY_FAMILY,
					       .nlmsg_flags = NLM_F_DUMP } };
	struct unix_diag_req unix_body = { .sdiag_family = AF_UNIX, .udiag_states = ~0U };
	struct netlink_diag_req netlink_body = { .sdiag_family = AF_NETLINK,
						 .sdiag_protocol = NDIAG_PROTO_ALL };
	struct packet_diag_req packet_body = { .sdiag_family = AF_PACKET };

	if (!strcmp(p->name, "diag_tcp"))
		put_inet(&r, IPPROTO_TCP);
	else if (!strcmp(p->name, "diag_udp"))
		put_inet(&r, IPPROTO_UDP);
	else if (!strcmp(p->name, "net_diag_raw"))
		put_inet(&r, IPPROTO_RAW);
	else if (!strcmp(p->name, "diag_unix"))
		netlink_put(&r, &unix_body, sizeof(unix_body));
	else if (!strcmp(p->name, "diag_netlink"))
		netlink_put(&r, &netlink_body, sizeof(netlink_body));
	else
		netlink_put(&r, &packet_body, sizeof(packet_body));
	if (!scratch_enter(CLONE_NEWNET, a))
		ask(a, NETLINK_SOCK_DIAG, &r);
}

void probe_conntrack(const struct check *c, const struct probe *p, struct answer *a)
{
	struct netlink_request r = {
		.head = { .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
			  .nlmsg_flags = NLM_F_DUMP },
	};
	struct nfgenmsg body = { .nfgen_family = AF_INET, .version = NFNETLINK_V0 };

	netlink_put(&r, &body, sizeof(body));
	if (!scratch_enter(CLONE_NEWNET, a))
		ask(a, NETLINK_NETFILTER, &r);
}

static void put_namespace(struct netlink_request *r, int fd)
{
	struct rtgenmsg body = { .rtgen_family = AF_UNSPEC };

	netlink_put(r, &body, sizeof(body));
	netlink_put_attribute(r, NETNSA_FD, &fd, sizeof(fd));
}

void probe_nsid(const struct check *c, const struct probe *p, struct answer *a)
{
	struct netlink_request r = { .head.nlmsg_type = RTM_GETNSID };
	_cleanup_close_ int fd = -1;

	if (scratch_enter(CLONE_NEWNET, a))
		return;
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	put_namespace(&r, fd);
	ask(a, NETLINK_ROUTE, &r);
}

/* Does a message about a link have the attribute? */
static bool has_attribute(const void *message, size_t n, unsigned short type)
{
	const struct nlmsghdr *head = message;
	size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ifinfomsg));
	size_t end = head->nlmsg_len < n ? head->nlmsg_len : n;

	while (at + sizeof(struct nlattr) <= end) {
		const struct nlattr *attribute = (const void *)((const char *)message + at);

		if (attribute->nla_type == type)
			return true;
		if (attribute->nla_len < sizeof(*attribute))
			break;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return false;
}

/* The namespace gets an id for itself; then its lo is asked for by that id. */
void probe_link_nsid(const struct check *c, const struct probe *p, struct answer *a)
{
	struct netlink_request name = { .head = { .nlmsg_type = RTM_NEWNSID,
						  .nlmsg_flags = NLM_F_ACK } };
	struct netlink_request get = { .head = { .nlmsg_type = RTM_GETLINK,
						 .nlmsg_flags = NLM_F_REQUEST } };
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = 1 };
	_cleanup_close_ int fd = -1;
	char reply[8192] __attribute__((aligned(8)));
	int id = 7;
	long n;

	if (scratch_enter(CLONE_NEWNET, a))
		return;
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	put_namespace(&name, fd);
	netlink_put_attribute(&name, NETNSA_NSID, &id, sizeof(id));
	ask(a, NETLINK_ROUTE, &name);
	if (a->state != ANSWER_YES)
		return;
	netlink_put(&get, &body, sizeof(body));
	netlink_put_attribute(&get, TARGET_NETNSID, &id, sizeof(id));
	n = netlink_ask(NETLINK_ROUTE, &get, reply, sizeof(reply));
	if (n < 0)
		answer_failed(a, (int)n, NET_CAPS, "the request is refused");
	else if (!has_attribute(reply, (size_t)n, TARGET_NETNSID))
		answer_no(a, "the id of the namespace is ignored");
}

/* An index that cannot be: only a kernel that knows the attribute objects. */
void probe_new_ifindex(const struct check *c, const struct probe *p, struct answer *a)
{
	struct netlink_request r = { .head = { .nlmsg_type = RTM_SETLINK,
					       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK } };
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = 1 };
	char reply[256];
	int bad = -1;
	long ret;

	if (scratch_enter(CLONE_NEWNET, a))
		return;
	netlink_put(&r, &body, sizeof(body));
	netlink_put_attribute(&r, NEW_IFINDEX, &bad, sizeof(bad));
	ret = netlink_ask(NETLINK_ROUTE, &r, reply, sizeof(reply));
	if (ret == -ERANGE || ret == -EINVAL)
		answer_yes(a, "%s", "");
	else if (ret < 0)
		answer_failed(a, (int)ret, NET_CAPS, "IFLA_NEW_IFINDEX");
	else
		answer_no(a, "IFLA_NEW_IFINDEX is ignored");
}

/* A device of the scratch namespace. Returns its descriptor, or -1 after having answered. */
static int new_tun(struct answer *a)
{
	struct ifreq request = { .ifr_name = "crbpf%d", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd;

	if (scratch_enter(CLONE_NEWNET, a))
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		answer_failed(a, errno, CAP_BIT(CAP_DAC_OVERRIDE), "/dev/net/tun");
		return -1;
	}
	if (!ioctl(fd, TUNSETIFF, &request) && !ioctl(fd, TUNGETIFF, &request))
		return fd;
	answer_failed(a, errno, NET_CAPS, "/dev/net/tun");
	close(fd);
	return -1;
}

void probe_tun(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = new_tun(a);

	if (fd >= 0)
		answer_yes(a, "%s", "");
}

void probe_tun_namespace(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = new_tun(a);

	if (fd >= 0)
		answer_call(a, ioctl(fd, SIOCGSKNS), NET_CAPS, "SIOCGSKNS");
}
