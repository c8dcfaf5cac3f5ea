// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/describe.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>

#include "fdinfo.pb-c.h"

const char *size_text(char text[static SIZE_TEXT], __u64 bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)bytes;
	unsigned int unit = 0;

	while (size >= 1024) {
		size /= 1024;
		unit++;
	}
	snprintf(text, SIZE_TEXT, unit && size < 10 ? "%.1f %s" : "%.0f %s", size, units[unit]);
	return text;
}

/* The access mode; the other flags in octal would tell nobody anything. */
static void print_access(FILE *out, __u32 flags)
{
	static const char *const modes[] = {"reading", "writing", "reading and writing",
					    "no access"};

	fprintf(out, ", %s%s", modes[flags & O_ACCMODE], flags & O_APPEND ? ", appending" : "");
}

static void print_regular(FILE *out, const FileEntry *f)
{
	const RegFileEntry *e = f->reg;

	fputs(e->name, out);
	print_access(out, e->flags);
	if (e->pos && e->pos != (__u64)-1)
		fprintf(out, ", at %llu", (unsigned long long)e->pos);
}

static const char *socket_type(__u32 type)
{
	static const char *const types[] = {"?", "stream", "datagram", "raw", "?", "seqpacket"};

	return type < sizeof(types) / sizeof(types[0]) ? types[type] : "?";
}

static const char *tcp_state(__u32 state)
{
	static const char *const states[] = {
		"?",          "established", "syn sent",  "syn received",
		"fin wait 1", "fin wait 2",  "time wait", "closed",
		"close wait", "last ack",    "listening",
	};

	return state < sizeof(states) / sizeof(states[0]) ? states[state] : "?";
}

static void print_address(FILE *out, __u32 family, const __u32 *words, size_t n, __u32 port)
{
	char text[INET6_ADDRSTRLEN];
	size_t need = family == AF_INET6 ? 4 : 1;

	if (n >= need && inet_ntop((int)family, words, text, sizeof(text)))
		fprintf(out, need == 4 ? "[%s]:%u" : "%s:%u", text, port);
	else
		fprintf(out, "?:%u", port);
}

static void print_inet(FILE *out, const FileEntry *f)
{
	const InetSkEntry *e = f->isk;

	if (e->proto == 6 || e->proto == 17)
		fprintf(out, "%s ", e->proto == 6 ? "tcp" : "udp");
	else
		fprintf(out, "inet %s, protocol %u, ", socket_type(e->type), e->proto);
	print_address(out, e->family, e->src_addr, e->n_src_addr, e->src_port);
	if (e->dst_port) {
		fputs(" to ", out);
		print_address(out, e->family, e->dst_addr, e->n_dst_addr, e->dst_port);
	}
	fprintf(out, ", %s", tcp_state(e->state));
}

/* A name in the abstract namespace begins with NUL, shown as @. */
static void print_unix(FILE *out, const FileEntry *f)
{
	const UnixSkEntry *e = f->usk;
	size_t n = e->name.len;

	fprintf(out, "unix %s [%u]", socket_type(e->type), e->ino);
	if (n)
		putc(' ', out);
	for (size_t i = 0; i < n; i++) {
		if (e->name.data[i] || i + 1 < n)
			putc(isprint(e->name.data[i]) ? e->name.data[i] : i ? '?' : '@', out);
	}
	if (e->peer)
		fprintf(out, ", connected to [%u]", e->peer);
	else
		fprintf(out, ", %s", e->state == 10 ? "listening" : "not connected");
}

static void print_pipe(FILE *out, const FileEntry *f)
{
	fprintf(out, "pipe [%u], %s end", f->pipe->pipe_id,
		(f->pipe->flags & O_ACCMODE) == O_WRONLY ? "write" : "read");
}

static void print_timerfd(FILE *out, const FileEntry *f)
{
	const TimerfdEntry *e = f->tfd;

	if (!e->vsec && !e->vnsec)
		fputs("timerfd, not running", out);
	else
		fprintf(out, "timerfd, %llu.%03llu s left", (unsigned long long)e->vsec,
			(unsigned long long)e->vnsec / 1000000);
	if (e->isec || e->insec)
		fprintf(out, ", then every %llu.%03llu s", (unsigned long long)e->isec,
			(unsigned long long)e->insec / 1000000);
}

static void print_other(FILE *out, const FileEntry *f)
{
	if (f->efd)
		fprintf(out, "eventfd, counter %llu", (unsigned long long)f->efd->counter);
	else if (f->epfd)
		fprintf(out, "epoll, watches %zu", f->epfd->n_tfd);
	else if (f->sgfd)
		fprintf(out, "signalfd, mask 0x%llx", (unsigned long long)f->sgfd->sigmask);
	else if (f->ify)
		fprintf(out, "inotify, watches %zu", f->ify->n_wd);
	else if (f->ffy)
		fprintf(out, "fanotify, marks %zu", f->ffy->n_mark);
	else if (f->memfd)
		fprintf(out, "memfd %u", f->memfd->inode_id);
	else if (f->pidfd)
		fprintf(out, "pidfd of %d", f->pidfd->nspid);
	else if (f->tty)
		fprintf(out, "terminal %u", f->tty->tty_info_id);
	else if (f->fifo)
		fprintf(out, "fifo [%u]", f->fifo->pipe_id);
	else if (f->nsf)
		fprintf(out, "namespace %u", f->nsf->ns_id);
	else if (f->nlsk)
		fprintf(out, "netlink socket, protocol %u", f->nlsk->protocol);
	else if (f->psk)
		fprintf(out, "packet socket, interface %u", f->psk->ifindex);
	else if (f->tunf)
		fprintf(out, "tun %s", f->tunf->netdev ?: "(not attached)");
	else if (f->bpf)
		fprintf(out, "bpf map %s", f->bpf->map_name);
	else if (f->ext)
		fputs("external file", out);
	else
		fprintf(out, "file of unknown type %d", (int)f->type);
}

void describe_file(FILE *out, const FileEntry *f)
{
	if (f->reg)
		print_regular(out, f);
	else if (f->isk)
		print_inet(out, f);
	else if (f->usk)
		print_unix(out, f);
	else if (f->pipe)
		print_pipe(out, f);
	else if (f->tfd)
		print_timerfd(out, f);
	else
		print_other(out, f);
}
