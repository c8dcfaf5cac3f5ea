// SPDX-License-Identifier: GPL-2.0-only
/* Parts of a Unix socket: its queue, with the open files in flight. A listener's are connections.
 */

#include "sock.h"

#define SCM_MAX 253 /* SCM_MAX_FD */

/* Room for struct queue_record with all its files. */
__u64 queue_words[sizeof(struct queue_record) / 8 + 256];
#define queue_now ((struct queue_record *)queue_words)

struct queue_walk {
	__u64 head, at;
	__u32 n, is_listener, is_full;
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

static __always_inline void read_message(struct sk_buff *skb)
{
	struct unix_skb_parms *parms = (void *)__builtin_preserve_access_index(&skb->cb);
	struct queue_record *r = queue_now;

	r->bytes = BPF_CORE_READ(skb, len) - BPF_CORE_READ(parms, consumed);
	set_pid(&r->sender, BPF_CORE_READ(parms, pid));
	r->uid = BPF_CORE_READ(parms, uid.val);
	r->gid = BPF_CORE_READ(parms, gid.val);
	read_files(parms);
}

static long send_message(__u32 i, void *unused)
{
	struct sk_buff *skb = (struct sk_buff *)queue_walk.at;
	struct queue_record *r = queue_now;
	struct unix_sock *embryo;
	__u64 size;

	if (!skb || queue_walk.at == queue_walk.head)
		return 1;
	clear(r);
	r->message = i;
	if (queue_walk.is_listener) {
		embryo = (struct unix_sock *)BPF_CORE_READ(skb, sk);
		r->peer = (__u64)BPF_CORE_READ(embryo, peer);
	} else {
		read_message(skb);
	}
	size = sizeof(*r) + (r->n_files & 255) * sizeof(__u64);
	if (stream_send(&r->head, RECORD_QUEUE_PART, view.file, size, true)) {
		queue_walk.is_full = 1;
		return 1;
	}
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
	bpf_loop(1 << 22, send_message, NULL, 0);
	return queue_walk.is_full;
}
