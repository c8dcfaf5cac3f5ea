// SPDX-License-Identifier: GPL-2.0-only
#include "check/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/cleanup.h"

void *netlink_put(struct netlink_request *r, const void *data, size_t n)
{
	char *at = (char *)r + NLMSG_ALIGN(r->head.nlmsg_len ?: NLMSG_HDRLEN);

	if ((size_t)(at - (char *)r) + n > sizeof(*r))
		return NULL;
	if (data)
		memcpy(at, data, n);
	r->head.nlmsg_len = (__u32)(at - (char *)r + n);
	return at;
}

void netlink_put_attribute(struct netlink_request *r, unsigned short type, const void *data,
			   unsigned short n)
{
	struct nlattr attribute = { .nla_len = (unsigned short)(NLA_HDRLEN + n), .nla_type = type };

	netlink_put(r, &attribute, sizeof(attribute));
	netlink_put(r, data, n);
}

long netlink_ask(int protocol, const struct netlink_request *r, void *ret, size_t size)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct timeval patience = { .tv_sec = 2 };
	char answer[8192] __attribute__((aligned(8)));
	const struct nlmsghdr *head = (const void *)answer;
	ssize_t n;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, r, r->head.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(*head))
		return -EPROTO;
	if (head->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
	if (head->nlmsg_type == NLMSG_DONE)
		return 0;
	if ((size_t)n > size)
		n = (ssize_t)size;
	memcpy(ret, answer, (size_t)n);
	return n;
}
