// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of a Unix socket: its queue, with the open files in flight. A listener's are
 * connections; what waits in those can be read in no other way, so its bytes are sent too.
 */

#include "sock.h"

#define SCM_MAX	     253   /* SCM_MAX_FD */
#define CONTENT_MAX  16384 /* more is not in one piece */
#define EMBRYO_MAX   1024  /* messages for one connection */

/* Room for struct queue_record with all its files, or its content. */
__u64 queue_words[(sizeof(struct queue_record) + CONTENT_MAX) / 8 + 1];
#define queue_now ((struct queue_record *)queue_words)

struct queue_walk {
	__u64 head, at, oob;
	__u64 embryo_head, embryo_at;
	__u32 n, n_embryo, is_listener, is_full;
} queue_walk;

static __always_inline void read_files(struct unix_skb_parms *parms)
{
	struct scm_fp_list *fds = BPF_CORE_READ(parms, fp);
	__u32 n = fds ? (__u16)BPF_CORE_READ(fds, count) : 0;

	if (n > SCM_MAX)
		n = SCM_MAX;
	queue_now->n_files = n;
	if (n)
		bpf_probe_read_kernel(queue_now->files, n * sizeof(__u64),
				      __builtin_preserve_access_index(&fds->fp));
}

/* Everything but the files: returns how much of it was read already. */
static __always_inline __u32 read_message(struct sk_buff *skb)
{
	struct unix_skb_parms *parms = (void *)__builtin_preserve_access_index(&skb->cb);
	__u32 consumed = BPF_CORE_READ(parms, consumed);
	struct queue_record *r = queue_now;

	r->peer = (__u64)BPF_CORE_READ(skb, sk);
	r->bytes = BPF_CORE_READ(skb, len) - consumed;
	set_pid(&r->sender, BPF_CORE_READ(parms, pid));
	r->uid = BPF_CORE_READ(parms, uid.val);
	r->gid = BPF_CORE_READ(parms, gid.val);
	if (BPF_CORE_READ_BITFIELD_PROBED((struct sk_buff___queue *)skb, peeked))
		r->flags |= QUEUE_PEEKED;
	if (queue_walk.oob == (__u64)skb)
		r->flags |= QUEUE_OOB;
	return consumed;
}

/* The bytes behind the record, if they are few and lie in one piece. */
static __always_inline __u64 read_content(struct sk_buff *skb, __u32 consumed)
{
	struct sk_buff___queue *q = (void *)skb;
	__u32 n = queue_now->bytes;

	if (BPF_CORE_READ(q, data_len) || n > CONTENT_MAX) {
		queue_now->flags |= QUEUE_PAGED;
		return sizeof(struct queue_record);
	}
	if (n)
		bpf_probe_read_kernel(queue_now->files, n, BPF_CORE_READ(q, data) + consumed);
	return sizeof(struct queue_record) + ((n + 7) & ~7U);
}

static __always_inline long send_part(__u64 size)
{
	if (size > sizeof(queue_words))
		size = sizeof(queue_words);
	if (stream_send(&queue_now->head, RECORD_QUEUE_PART, view.file, size, true)) {
		queue_walk.is_full = 1;
		return 1;
	}
	return 0;
}

static long send_embryo_message(__u32 i, void *unused)
{
	struct sk_buff *skb = (struct sk_buff *)queue_walk.embryo_at;
	struct unix_skb_parms *parms;
	struct scm_fp_list *fds;
	__u32 consumed;

	if (!skb || queue_walk.embryo_at == queue_walk.embryo_head)
		return 1;
	clear(queue_now);
	queue_now->message = i;
	queue_now->flags = QUEUE_OF_EMBRYO;
	consumed = read_message(skb);
	parms = (void *)__builtin_preserve_access_index(&skb->cb);
	fds = BPF_CORE_READ(parms, fp);
	if (fds)
		queue_now->n_files = (__u16)BPF_CORE_READ(fds, count);
	if (send_part(read_content(skb, consumed)))
		return 1;
	queue_walk.embryo_at = (__u64)BPF_CORE_READ(skb, next);
	return 0;
}

static __always_inline void read_oob(struct sock *sk)
{
	struct unix_sock___oob *u = (void *)sk;

	queue_walk.oob = 0;
	if (bpf_core_field_exists(u->oob_skb))
		queue_walk.oob = (__u64)BPF_CORE_READ(u, oob_skb);
}

/* A connection, then what waits in it. */
static __always_inline long send_embryo(struct sock *sk)
{
	struct sock *client = BPF_CORE_READ((struct unix_sock *)sk, peer);
	const struct cred *cred = BPF_CORE_READ(sk, sk_peer_cred);
	struct queue_record *r = queue_now;

	r->flags = QUEUE_EMBRYO;
	if (!BPF_CORE_READ(client, sk_socket))
		r->flags |= QUEUE_CLOSED;
	r->peer = (__u64)client;
	r->bytes = BPF_CORE_READ(sk, sk_receive_queue.qlen);
	set_pid(&r->sender, BPF_CORE_READ(sk, sk_peer_pid));
	r->uid = r->gid = -1;
	if (cred) {
		r->uid = BPF_CORE_READ(cred, euid.val);
		r->gid = BPF_CORE_READ(cred, egid.val);
	}
	if (send_part(sizeof(*r)))
		return 1;
	read_oob(sk);
	queue_walk.embryo_head = (__u64)__builtin_preserve_access_index(&sk->sk_receive_queue);
	queue_walk.embryo_at = (__u64)BPF_CORE_READ(sk, sk_receive_queue.next);
	bpf_loop(EMBRYO_MAX, send_embryo_message, NULL, 0);
	return queue_walk.is_full;
}

static long send_message(__u32 i, void *unused)
{
	struct sk_buff *skb = (struct sk_buff *)queue_walk.at;
	long full;

	if (!skb || queue_walk.at == queue_walk.head)
		return 1;
	clear(queue_now);
	queue_now->message = i;
	if (queue_walk.is_listener) {
		full = send_embryo(BPF_CORE_READ(skb, sk));
	} else {
		read_message(skb);
		read_files((void *)__builtin_preserve_access_index(&skb->cb));
		full = send_part(sizeof(*queue_now) + (queue_now->n_files & 255) * sizeof(__u64));
	}
	if (full)
		return 1;
	queue_walk.n++;
	queue_walk.at = (__u64)BPF_CORE_READ(skb, next);
	return 0;
}

int file_queue(void)
{
	struct sock *sk = file_sock();

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
	    !bpf_core_type_exists(struct unix_sock))
		return 0;
	queue_walk.head = (__u64)__builtin_preserve_access_index(&sk->sk_receive_queue);
	queue_walk.at = (__u64)BPF_CORE_READ(sk, sk_receive_queue.next);
	queue_walk.is_listener = BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
	queue_walk.n = queue_walk.is_full = 0;
	read_oob(sk);
	bpf_loop(1 << 22, send_message, NULL, 0);
	return queue_walk.is_full;
}
