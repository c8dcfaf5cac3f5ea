// SPDX-License-Identifier: GPL-2.0-only
#include "sock.h"
#include "unix.h"

struct unix_walk {
	__u64 head, at, bytes;
	__u32 n_fds;
} unix_walk;

/* One message: what is left of it, and the descriptors in flight with it. */
static long add_message(__u32 i, void *unused)
{
	struct sk_buff *skb = (struct sk_buff *)unix_walk.at;
	struct unix_skb_parms *parms;
	struct scm_fp_list *fds;

	if (!unix_walk.at || unix_walk.at == unix_walk.head)
		return 1;
	parms = (void *)__builtin_preserve_access_index(&skb->cb);
	unix_walk.bytes += BPF_CORE_READ(skb, len) - BPF_CORE_READ(parms, consumed);
	fds = BPF_CORE_READ(parms, fp);
	if (fds)
		unix_walk.n_fds += BPF_CORE_READ(fds, count);
	unix_walk.at = (__u64)BPF_CORE_READ(skb, next);
	return 0;
}

static __always_inline void read_queue(struct sock *sk, struct unix_detail *d)
{
	d->receive_skbs = BPF_CORE_READ(sk, sk_receive_queue.qlen);
	if (d->state == TCP_LISTEN) /* a listener: each is a connection, not a message */
		return;
	unix_walk.head = (__u64)__builtin_preserve_access_index(&sk->sk_receive_queue);
	unix_walk.at = (__u64)BPF_CORE_READ(sk, sk_receive_queue.next);
	unix_walk.bytes = unix_walk.n_fds = 0;
	bpf_loop(1 << 22, add_message, NULL, 0);
	d->receive_bytes = unix_walk.bytes;
	d->n_fds = unix_walk.n_fds;
}

/* Copies the name of @u to @to, UNIX_DETAIL_ADDRESS bytes. Returns its length, 0: it has none. */
static __always_inline __u32 copy_address(struct unix_sock *u, __u8 *to)
{
	struct unix_address *address = BPF_CORE_READ(u, addr);
	__u32 length = address ? BPF_CORE_READ(address, len) : 0;

	if (length > UNIX_DETAIL_ADDRESS)
		length = UNIX_DETAIL_ADDRESS;
	if (length)
		bpf_probe_read_kernel(to, length, __builtin_preserve_access_index(&address->name[0]));
	return length;
}

static __always_inline void read_peer(struct sock *sk, struct unix_detail *d)
{
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	const struct cred *cred = BPF_CORE_READ(sk, sk_peer_cred);

	d->peer = (__u64)peer;
	if (peer) {
		d->peer_ino = BPF_CORE_READ(peer, sk_socket, file, f_inode, i_ino);
		d->peer_shutdown = BPF_CORE_READ(peer, sk_shutdown);
		d->peer_type = BPF_CORE_READ(peer, sk_type);
		d->peer_address_length =
			copy_address((struct unix_sock *)peer, d->peer_address);
	}
	set_pid(&d->peer_pid, BPF_CORE_READ(sk, sk_peer_pid));
	d->peer_uid = d->peer_gid = -1;
	if (cred) {
		d->peer_uid = BPF_CORE_READ(cred, euid.val);
		d->peer_gid = BPF_CORE_READ(cred, egid.val);
	}
}

static __always_inline void read_address(struct sock *sk, struct unix_detail *d)
{
	struct unix_sock *u = (struct unix_sock *)sk;
	struct inode *inode = BPF_CORE_READ(u, path.dentry, d_inode);

	d->address_length = copy_address(u, d->address);
	if (!inode)
		return;
	d->path_ino = BPF_CORE_READ(inode, i_ino);
	d->path_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	d->path_mode = BPF_CORE_READ(inode, i_mode);
	d->path_uid = BPF_CORE_READ(inode, i_uid.val);
	d->path_gid = BPF_CORE_READ(inode, i_gid.val);
	d->path_nlink = BPF_CORE_READ(inode, i_nlink);
	bpf_probe_read_kernel_str(d->path_name, sizeof(d->path_name),
				  BPF_CORE_READ(u, path.dentry, d_name.name));
	d->path_mnt_id = mount_id(BPF_CORE_READ(u, path.mnt));
}

/* Of a kernel without such a member nothing is known of the option that it stood for. */
#define NOTE_OPTION(d, n, from, member, value)                                                     \
	({                                                                                         \
		if (bpf_core_field_exists((from)->member)) {                                       \
			(d)->options[n] = (value);                                                 \
			(d)->options[0] += 1;                                                      \
		}                                                                                  \
	})
#define NOTE_NUMBER(d, n, from, member)                                                            \
	NOTE_OPTION(d, n, from, member, BPF_CORE_READ_BITFIELD_PROBED(from, member))
#define NOTE_POINTER(d, n, from, member)                                                           \
	NOTE_OPTION(d, n, from, member, (__u64)BPF_CORE_READ(from, member))

static __always_inline void read_options(struct unix_detail *d)
{
	struct sock___options *from = (void *)d->sk;
	struct socket___options *socket = (void *)file_now.record.private_data;

	NOTE_NUMBER(d, 1, from, __sk_common.skc_reuse);
	NOTE_NUMBER(d, 2, from, __sk_common.skc_reuseport);
	NOTE_NUMBER(d, 3, from, __sk_common.skc_bound_dev_if);
	NOTE_NUMBER(d, 4, from, __sk_common.skc_flags);
	NOTE_NUMBER(d, 5, from, sk_peek_off);
	NOTE_NUMBER(d, 6, from, sk_ll_usec);
	NOTE_NUMBER(d, 7, from, sk_busy_poll_budget);
	NOTE_NUMBER(d, 8, from, sk_prefer_busy_poll);
	NOTE_NUMBER(d, 9, from, sk_userlocks);
	NOTE_NUMBER(d, 10, from, sk_rcvbuf);
	NOTE_POINTER(d, 11, from, sk_filter);
	NOTE_NUMBER(d, 12, from, sk_rcvtimeo);
	NOTE_NUMBER(d, 13, from, sk_rcvlowat);
	NOTE_NUMBER(d, 14, from, sk_tsflags);
	NOTE_NUMBER(d, 15, from, sk_max_pacing_rate);
	NOTE_NUMBER(d, 16, from, sk_sndtimeo);
	NOTE_NUMBER(d, 17, from, sk_priority);
	NOTE_NUMBER(d, 18, from, sk_mark);
	NOTE_NUMBER(d, 19, from, sk_sndbuf);
	NOTE_NUMBER(d, 20, from, sk_no_check_tx);
	NOTE_NUMBER(d, 21, from, sk_lingertime);
	NOTE_POINTER(d, 22, from, sk_peer_cred);
	NOTE_NUMBER(d, 23, socket, flags);
	if (d->options[0] < UNIX_OPTION_STATES - 1)
		d->options[0] = 0;
	/* Who is to be told with a message: of the socket's flags once. */
	if (bpf_core_field_exists(from->sk_scm_recv_flags))
		d->options[23] |=
			(__u64)BPF_CORE_READ_BITFIELD_PROBED(from, sk_scm_recv_flags) << 32;
}

int unix_detail(void)
{
	struct unix_detail *d = detail_room(struct unix_detail);
	struct sock *sk = file_sock();

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
	    !bpf_core_type_exists(struct unix_sock))
		return 0;
	clear(d);
	d->sk = (__u64)sk;
	d->type = BPF_CORE_READ(sk, sk_type);
	d->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	d->shutdown = BPF_CORE_READ(sk, sk_shutdown);
	d->backlog = BPF_CORE_READ(sk, sk_ack_backlog);
	d->max_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
	d->net_ns = sock_net_ns(sk);
	d->error = BPF_CORE_READ((struct sock___queue *)sk, sk_err);
	d->peek_off = BPF_CORE_READ((struct sock___queue *)sk, sk_peek_off);
	d->send_bytes = BPF_CORE_READ(sk, sk_wmem_alloc.refs.counter) - 1;
	read_queue(sk, d);
	if (d->state == TCP_LISTEN)
		d->backlog = d->receive_skbs;
	read_peer(sk, d);
	read_address(sk, d);
	if (!(control.flags & CONTROL_SHALLOW))
		read_options(d);
	return detail_done(DETAIL_UNIX, sizeof(*d));
}
