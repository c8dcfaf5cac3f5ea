// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink sockets of protocols of which the kernel keeps nothing but the socket: interfaces and
 * routes, sockets, uevents. What it tells to groups between dump and restore, nobody hears.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#include "bpf/socket.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "sk-netlink.pb-c.h"
#include "sk-opts.pb-c.h"
#include "socknames.h"
#include "sockopt.h"

#define STATE_CONNECTED 1
#define BITS_PER_WORD	32
#define MAX_WORDS	64 /* of groups: more than any protocol has */

static const struct socket_detail *detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_SOCKET ? f->detail : NULL;
}

static bool is_carried(uint32_t protocol)
{
	return protocol == NETLINK_ROUTE || protocol == NETLINK_SOCK_DIAG ||
	       protocol == NETLINK_KOBJECT_UEVENT;
}

static bool claims(const struct file *f)
{
	const struct socket_detail *detail = detail_of(f);

	return f->rec->s_magic == MAGIC_SOCKFS && !file_is_path(f) && detail &&
	       detail->family == AF_NETLINK && is_carried(detail->protocol);
}

/* --- dump --- */

static void judge(struct judge *j, struct file *f)
{
	const struct socket_detail *detail = detail_of(f);

	judge_fown(j, f);
	if (detail->net_ns != f->process->tasks[0].rec->net_ns)
		judge_file(j, f, "netlink", NULL,
			   "it belongs to another network namespace than its process");
	if (detail->receive_skbs)
		judge_file(j, f, "netlink", "let the program read them",
			   "%u messages wait to be read, and would be lost", detail->receive_skbs);
}

/* All groups that it has joined, 32 in a word. */
static int describe_groups(struct dump *d, int fd, NetlinkSkEntry *nlsk)
{
	uint32_t words[MAX_WORDS] = {0};
	socklen_t n = sizeof(words);

	if (getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &n) || n > sizeof(words))
		return fail(d->err, errno, "cannot read its groups");
	nlsk->n_groups = n / sizeof(words[0]);
	nlsk->groups = arena_copy(&d->arena, words, sizeof(words));
	return nlsk->groups ? 0 : fail(d->err, ENOMEM, "cannot describe it");
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	const struct socket_detail *detail = detail_of(f);
	NetlinkSkEntry *nlsk = dump_message(d, &netlink_sk_entry__descriptor);
	struct sockaddr_nl peer = {0};
	socklen_t n = sizeof(peer);
	int fd = file_copy(f, d->err);

	if (fd < 0)
		return fd;
	if (!nlsk || !(nlsk->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	if (getpeername(fd, (struct sockaddr *)&peer, &n))
		return fail(d->err, errno, "cannot read whom it sends to");
	nlsk->id = f->id;
	nlsk->ino = f->rec->ino;
	nlsk->protocol = detail->protocol;
	nlsk->state = detail->state;
	nlsk->flags = file_flags(f);
	nlsk->portid = detail->netlink_portid;
	nlsk->dst_portid = peer.nl_pid;
	nlsk->dst_group = ffs((int)peer.nl_groups);
	nlsk->has_ns_id = true;
	nlsk->ns_id = HOST_NET_NS_ID;
	nlsk->has_type = detail->type != SOCK_RAW;
	nlsk->type = detail->type;
	nlsk->opts = dump_sockopts(d, fd, AF_NETLINK, detail->type, detail->protocol);
	if (!nlsk->opts)
		return d->err->code;
	entry->nlsk = nlsk;
	return describe_groups(d, fd, nlsk);
}

/* --- restore --- */

static int check(struct restore *r, struct new_file *f)
{
	const NetlinkSkEntry *nlsk = f->entry->nlsk;

	if (!nlsk || nlsk->id != f->id)
		return fail(r->err, 0, "it says nothing of a socket");
	if (!is_carried(nlsk->protocol))
		return fail(r->err, 0, "netlink sockets of protocol %u cannot be restored yet",
			    nlsk->protocol);
	if (nlsk->has_type && nlsk->type != SOCK_RAW && nlsk->type != SOCK_DGRAM)
		return fail(r->err, 0, "no netlink socket is of type %u", nlsk->type);
	if (nlsk->n_groups > MAX_WORDS || nlsk->dst_group > BITS_PER_WORD)
		return fail(r->err, 0, "no netlink protocol has so many groups");
	return check_sockopts(r, nlsk->opts);
}

static int bind_port(struct restore *r, int fd, const NetlinkSkEntry *nlsk)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_pid = nlsk->portid};

	int rc = 0;

	if (nlsk->portid && bind(fd, (struct sockaddr *)&address, sizeof(address)))
		rc = fail(r->err, errno, "cannot bind it to port %u", nlsk->portid);
	if (rc == -EADDRINUSE)
		fail_hint(r->err, "end what uses that port (/proc/net/netlink)");
	return rc;
}

static int join_groups(struct restore *r, int fd, const NetlinkSkEntry *nlsk)
{
	for (uint32_t i = 0; i < nlsk->n_groups * BITS_PER_WORD; i++) {
		int group = (int)i + 1;

		if (nlsk->groups[i / BITS_PER_WORD] >> i % BITS_PER_WORD & 1 &&
		    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
			return fail(r->err, errno, "cannot join group %d", group);
	}
	return 0;
}

static int connect_port(struct restore *r, int fd, const NetlinkSkEntry *nlsk)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_pid = nlsk->dst_portid};

	if (nlsk->state != STATE_CONNECTED)
		return 0;
	if (nlsk->dst_group)
		address.nl_groups = 1U << (nlsk->dst_group - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fail(r->err, errno, "cannot connect it to port %u", nlsk->dst_portid);
	return 0;
}

static int open_socket(struct restore *r, struct new_file *f)
{
	const NetlinkSkEntry *nlsk = f->entry->nlsk;
	int type = nlsk->has_type ? (int)nlsk->type : SOCK_RAW;

	f->fd = socket(AF_NETLINK, type | SOCK_CLOEXEC, (int)nlsk->protocol);
	if (f->fd < 0)
		return fail(r->err, errno, "cannot create a socket");
	return restore_sockopts(r, f->fd, nlsk->opts) ?: bind_port(r, f->fd, nlsk) ?:
	       join_groups(r, f->fd, nlsk) ?: connect_port(r, f->fd, nlsk);
}

static int connect_socket(struct restore *r, struct new_file *f)
{
	const NetlinkSkEntry *nlsk = f->entry->nlsk;
	int rc = restore_reuse(r, f->fd, nlsk->opts->reuseaddr, nlsk->opts->so_reuseport);

	return rc ? rc : connect_fown_flags(r, f, nlsk->fown, nlsk->flags);
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct socket_detail *detail = f->detail;

	if (detail)
		fprintf(out, "type %s protocol %u port %u groups %#llx queued %llu messages %u",
			socket_type_name(detail->type), detail->protocol, detail->netlink_portid,
			(unsigned long long)detail->netlink_groups,
			(unsigned long long)detail->receive_bytes, detail->receive_skbs);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__NETLINKSK,
	.claims = claims,
	.judge = judge,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_socket,
	.connect = connect_socket,
};

const struct kind kind_netlink = {.name = "netlink", .file = &file_ops};
