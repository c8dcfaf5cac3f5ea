/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CHECK_NETLINK_H
#define CRBPF_CHECK_NETLINK_H

/* Single netlink requests, as probes make them. */

#include <linux/netlink.h>
#include <linux/types.h>
#include <stddef.h>

struct netlink_request {
	struct nlmsghdr head;
	char payload[256];
};

/* Appends @n bytes; returns where they are. */
void *netlink_put(struct netlink_request *r, const void *data, size_t n);
void netlink_put_attribute(struct netlink_request *r, unsigned short type, const void *data,
			   unsigned short n);

/*
 * Sends it to @protocol (NETLINK_*) and waits for one answer, of which up to @size bytes
 * are kept. Returns their number; 0 for an acknowledgement or the end of a dump; or what
 * the kernel says, -errno.
 */
long netlink_ask(int protocol, const struct netlink_request *r, void *ret, size_t size);

#endif
