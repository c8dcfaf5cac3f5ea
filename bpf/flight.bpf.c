// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of a Unix socket: the open files in flight in its queue, and in the queues of sockets among
 * them. Each is a struct file_record of its own, without a path, for a path is told of descriptors
 * alone; its own parts follow it. A dump looks at these files itself; a scan has only this.
 */

#include "sock.h"

#define SCM_MAX   253
#define FILES_MAX RECORD_FLIGHTS /* a power of two */

struct flight_walk {
	__u64 files[FILES_MAX]; /* found so far, the first is the one in view */
	__u64 head, at, fds, sought;
	__u32 n_files, is_full, is_found, is_cut;
} flight_walk;

static long look_for_file(__u32 i, void *unused)
{
	if (i >= flight_walk.n_files)
		return 1;
	flight_walk.is_found = flight_walk.files[i & (FILES_MAX - 1)] == flight_walk.sought;
	return flight_walk.is_found;
}

/* A loop of the compiler's would be walked by the verifier, many thousand instructions long. */
static __always_inline void follow(__u64 file)
{
	__u32 n = flight_walk.n_files;

	flight_walk.sought = file;
	flight_walk.is_found = 0;
	bpf_loop(FILES_MAX, look_for_file, NULL, 0);
	if (flight_walk.is_found)
		return;
	if (n >= FILES_MAX) {
		flight_walk.is_cut = 1;
		return;
	}
	flight_walk.files[n & (FILES_MAX - 1)] = file;
	flight_walk.n_files = n + 1;
}

/* As file_description, of a file that the verifier knows nothing of. */
static __always_inline void describe(struct file *file)
{
	struct file_record *r = &file_now.record;
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	view.inode = (__u64)inode;
	r->files = (__u64)file;
	r->inode = (__u64)inode;
	r->f_op = (__u64)BPF_CORE_READ(file, f_op);
	r->private_data = (__u64)BPF_CORE_READ(file, private_data);
	r->pos = BPF_CORE_READ(file, f_pos);
	r->f_flags = BPF_CORE_READ(file, f_flags);
	r->f_mode = BPF_CORE_READ(file, f_mode);
	r->mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
	r->mnt_id = mount_id((struct vfsmount *)r->mnt);
	r->ino = BPF_CORE_READ(inode, i_ino);
	r->size = BPF_CORE_READ(inode, i_size);
	r->rdev = BPF_CORE_READ(inode, i_rdev);
	r->i_mode = BPF_CORE_READ(inode, i_mode);
	r->nlink = BPF_CORE_READ(inode, i_nlink);
	r->uid = BPF_CORE_READ(inode, i_uid.val);
	r->gid = BPF_CORE_READ(inode, i_gid.val);
	r->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	r->s_magic = BPF_CORE_READ(inode, i_sb, s_magic);
	r->i_private = (__u64)BPF_CORE_READ(inode, i_private);
}

static long note_flight(__u32 i, void *unused)
{
	struct scm_fp_list *fds = (struct scm_fp_list *)flight_walk.fds;
	__u64 file = 0;

	if (i >= (__u16)BPF_CORE_READ(fds, count) || i >= SCM_MAX)
		return 1;
	bpf_probe_read_kernel(&file, sizeof(file),
			      (void *)__builtin_preserve_access_index(&fds->fp) + i * sizeof(file));
	if (file)
		follow(file);
	return 0;
}

static long walk_message(__u32 i, void *unused)
{
	struct sk_buff *skb = (struct sk_buff *)flight_walk.at;
	struct unix_skb_parms *parms;

	if (!skb || flight_walk.at == flight_walk.head)
		return 1;
	parms = (void *)__builtin_preserve_access_index(&skb->cb);
	flight_walk.fds = (__u64)BPF_CORE_READ(parms, fp);
	if (flight_walk.fds)
		bpf_loop(SCM_MAX, note_flight, NULL, 0);
	flight_walk.at = (__u64)BPF_CORE_READ(skb, next);
	return 0;
}

/* What waits in a connection that nobody has accepted is an obstacle by itself: queue_record. */
static __always_inline void walk_queue(struct sock *sk)
{
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return;
	flight_walk.head = (__u64)__builtin_preserve_access_index(&sk->sk_receive_queue);
	flight_walk.at = (__u64)BPF_CORE_READ(sk, sk_receive_queue.next);
	bpf_loop(1 << 22, walk_message, NULL, 0);
}

static __always_inline int send_flight(struct file *file)
{
	struct file_record *r = &file_now.record;
	__u64 carrier = view.file;
	__u32 size;
	int full;

	clear(r);
	describe(file);
	r->tgid = view.tgid;
	r->tid = view.tid;
	view.file = view.flight = (__u64)file;
	file_name();
	file_owner();
	file_kind();
	size = r->detail_size;
	if (size > DETAIL_ROOM)
		size = DETAIL_ROOM;
	if (size)
		r->detail_offset = sizeof(*r);
	full = stream_send(&r->head, RECORD_FLIGHT_PART, carrier, sizeof(*r) + size, true) ||
	       file_locks();
	view.file = carrier;
	/* The parts are the carrier's in the stream. */
	return full || file_epoll() || file_queue() || file_watches() || file_names();
}

static long walk_file(__u32 i, void *unused)
{
	if (i >= flight_walk.n_files || i >= FILES_MAX)
		return 1;
	if (i && send_flight((struct file *)flight_walk.files[i & (FILES_MAX - 1)])) {
		flight_walk.is_full = 1;
		return 1;
	}
	walk_queue(file_sock());
	return 0;
}

struct file_record flight_saved;

int file_flights(void)
{
	struct sock *sk = file_sock();
	__u64 inode = view.inode;

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
	    !bpf_core_type_exists(struct unix_sock))
		return 0;
	flight_walk.n_files = flight_walk.is_full = flight_walk.is_cut = 0;
	follow(view.file);
	/* The record in the making is the one that kinds read and fill. */
	__builtin_memcpy(&flight_saved, &file_now.record, sizeof(flight_saved));
	bpf_loop(FILES_MAX, walk_file, NULL, 0);
	__builtin_memcpy(&file_now.record, &flight_saved, sizeof(flight_saved));
	view.inode = inode;
	file_now.record.has_more_flights = flight_walk.is_cut;
	return flight_walk.is_full;
}
