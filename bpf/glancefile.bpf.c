// SPDX-License-Identifier: GPL-2.0-only
/*
 * A glance at the descriptors of a process. Each file becomes a key of all that a judge
 * would look at; of the first with a key user space gets a record, and judges it.
 */

#include "file.h"
#include "glance.h"
#include "timerfd.h"

#define PIPEFS_MAGIC	     0x50495045
#define SOCKFS_MAGIC	     0x534f434b
#define ANON_INODE_FS_MAGIC  0x09041934
#define S_IFDIR		     0040000
#define AF_UNIX		     1
#define TCP_ESTABLISHED	     1
#define NEAR		     3 /* so many descriptors away the other end is looked for */

enum file_class {
	CLASS_NONE,
	CLASS_DOUBTFUL,
	CLASS_PLAIN,	 /* all there is to say follows from its inode, path and flags */
	CLASS_EVENTFD,
	CLASS_STATELESS, /* nothing it holds matters */
	CLASS_TIMER,
	CLASS_EPOLL,
	CLASS_PIPE,
	CLASS_SOCKET,
};

int eventfd_detail(void);
int memfd_detail(void);
int pipe_detail(void);
int signalfd_detail(void);
int timerfd_detail(void);
int unix_detail(void);

/* The operations of a file tell what it is. The file system tells pipes and FIFOs apart. */
#define OPS	   256 /* a power of two */
#define OPS_PLACES 4
struct ops_class {
	__u64 f_op, sb;
	__u32 class, pass;
} ops_classes[OPS];

struct file_walk {
	__u64 fds[GLANCE_FDS];
	__u32 first, at;	/* number of fds[0]; place of the one in view */
	__u64 inode, sb;	/* read last */
	__u32 i_mode, i_nlink, has_locks, is_contained;
	__u64 partner;		/* the file that the one before is joined to */
	__u64 sought, sought_inode;
	__u64 file[64];		/* raw: struct file */
	__u32 other_flags;
	__u64 head[32];		/* raw: the beginning of struct inode */
	__u64 pipe[64];
	struct twin_key key;
} file_walk;

extern struct twins file_twins;

#define seen(field)  raw_field(file_walk.file, struct file, field)
#define piped(field) raw_field(file_walk.pipe, struct pipe_inode_info, field)

static __always_inline bool raw_has_owner(void)
{
	if (bpf_core_field_exists(struct file___owner, f_owner))
		return raw_field(file_walk.file, struct file___owner, f_owner.pid) ||
		       raw_field(file_walk.file, struct file___owner, f_owner.signum);
	return seen(f_owner);
}

static __always_inline void read_inode(__u64 address)
{
	struct inode *inode = (struct inode *)address;
	__u32 size = bpf_core_field_offset(struct inode, i_nlink) + sizeof(__u32);

	file_walk.inode = address;
	bpf_probe_read_kernel(file_walk.head, size < sizeof(file_walk.head) ? size : sizeof(file_walk.head),
			      inode);
	file_walk.i_mode = raw_field(file_walk.head, struct inode, i_mode);
	file_walk.i_nlink = raw_field(file_walk.head, struct inode, i_nlink);
	file_walk.sb = (__u64)raw_field(file_walk.head, struct inode, i_sb);
	file_walk.has_locks = inode_has_locks(inode);
}

/* As file_description, of a file that the verifier knows nothing of. */
static __noinline void describe(void)
{
	struct file_record *r = &file_now.record;
	struct inode *inode = (struct inode *)file_walk.inode;
	struct file *file = (struct file *)view.file;

	clear(r);
	view.inode = file_walk.inode;
	r->files = glance.files;
	r->tgid = r->tid = view.tgid;
	r->fd = file_walk.first + file_walk.at;
	r->inode = file_walk.inode;
	r->f_op = (__u64)seen(f_op);
	r->private_data = (__u64)seen(private_data);
	r->pos = BPF_CORE_READ(file, f_pos);
	r->f_flags = seen(f_flags);
	r->f_mode = seen(f_mode);
	r->mnt = (__u64)seen(f_path.mnt);
	r->mnt_id = mount_id((struct vfsmount *)r->mnt);
	r->ino = BPF_CORE_READ(inode, i_ino);
	r->size = BPF_CORE_READ(inode, i_size);
	r->rdev = BPF_CORE_READ(inode, i_rdev);
	r->i_mode = file_walk.i_mode;
	r->nlink = file_walk.i_nlink;
	r->uid = BPF_CORE_READ(inode, i_uid.val);
	r->gid = BPF_CORE_READ(inode, i_gid.val);
	r->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	r->s_magic = BPF_CORE_READ(inode, i_sb, s_magic);
	r->i_private = (__u64)BPF_CORE_READ(inode, i_private);
	file_name();
}

static __always_inline __u32 class_by_name(void)
{
	if (is_anon("eventfd"))
		return CLASS_EVENTFD;
	if (is_anon("signalfd"))
		return CLASS_STATELESS;
	if (is_anon("timerfd"))
		return CLASS_TIMER;
	if (is_anon("eventpoll"))
		return CLASS_EPOLL;
	return CLASS_DOUBTFUL;
}

static __always_inline __u32 find_class(void)
{
	__u32 type = file_walk.i_mode & S_IFMT;

	describe();
	if (file_now.record.s_magic == ANON_INODE_FS_MAGIC)
		return class_by_name();
	if (file_now.record.s_magic == PIPEFS_MAGIC)
		return CLASS_PIPE;
	if (file_now.record.s_magic == SOCKFS_MAGIC)
		return CLASS_SOCKET;
	/* what else has no state: user space judges one of them */
	return type == S_IFREG || type == S_IFDIR || type == S_IFCHR ? CLASS_PLAIN : CLASS_DOUBTFUL;
}

static __always_inline __u32 class_of_file(void)
{
	__u64 f_op = (__u64)seen(f_op), sb = file_walk.sb;
	__u32 hash = (f_op ^ sb >> 4) * 0x9e3779b97f4a7c15ULL >> 40, i, class;
	struct ops_class *place;

	for (i = 0; i < OPS_PLACES; i++) {
		place = &ops_classes[(hash + i) & (OPS - 1)];
		if (place->f_op == f_op && place->sb == sb && place->pass == control.pass)
			return place->class;
		if (place->pass != control.pass)
			break;
	}
	class = find_class();
	place = &ops_classes[(hash + (i & (OPS_PLACES - 1))) & (OPS - 1)];
	place->f_op = f_op;
	place->sb = sb;
	place->class = class;
	place->pass = control.pass;
	return class;
}

/* --- files that are joined to another ---------------------------------------------------------- */

/* Looks among the descriptors beside it for the file sought, or another one of the same inode. */
static long look_beside(__u32 i, void *unused)
{
	__u32 at = file_walk.at + (i & 1 ? 1 + i / 2 : -1 - i / 2);
	__u64 file;

	if (at >= GLANCE_FDS)
		return 0;
	file = file_walk.fds[at & (GLANCE_FDS - 1)];
	if (!file || file == view.file)
		return 0;
	if (file_walk.sought_inode) {
		if ((__u64)BPF_CORE_READ((struct file *)file, f_inode) != file_walk.sought_inode)
			return 0;
		file_walk.other_flags = BPF_CORE_READ((struct file *)file, f_flags);
		file_walk.partner = file;
		return 1;
	}
	if (file != file_walk.sought)
		return 0;
	file_walk.partner = file;
	return 1;
}

static __always_inline bool find_beside(void)
{
	file_walk.partner = 0;
	bpf_loop(2 * NEAR, look_beside, NULL, 0);
	return file_walk.partner != 0;
}

/* Its counters stand side by side. */
static __always_inline bool read_pipe(struct pipe_inode_info *pipe)
{
	__u32 start = bpf_core_field_offset(struct pipe_inode_info, head);
	__u32 end = bpf_core_field_offset(struct pipe_inode_info, writers) + sizeof(__u32);

	if (start >= end || end > sizeof(file_walk.pipe))
		return false;
	bpf_probe_read_kernel((void *)file_walk.pipe + start, end - start, (void *)pipe + start);
	return true;
}

/* Both ends of a pipe, or the only one, empty: then nothing of it depends on other processes. */
static __always_inline bool is_plain_pipe(void)
{
	struct pipe_inode_info *pipe = seen(private_data);
	__u32 access = seen(f_flags) & 3, readers, writers;

	if (!pipe || !read_pipe(pipe))
		return false;
	readers = piped(readers);
	writers = piped(writers);
	if (access > 1 || piped(head) != piped(tail) || readers > 1 || writers > 1 ||
	    (seen(f_flags) & O_PATH))
		return false;
	if (bpf_core_field_exists(struct pipe_inode_info___watch, watch_queue) &&
	    BPF_CORE_READ((struct pipe_inode_info___watch *)pipe, watch_queue))
		return false;
	if (!(access ? readers : writers))
		return true;
	if (file_walk.partner == view.file)
		return true;
	file_walk.sought_inode = file_walk.inode;
	if (find_beside() && (file_walk.other_flags & (3 | O_PATH)) == !access)
		return true;
	file_walk.partner = 0;
	return false;
}

/* One of a pair whose other side is beside it: nameless, with nothing in its queue. */
static __always_inline bool is_plain_socket(void)
{
	struct socket *socket = seen(private_data);
	struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : NULL, *peer;

	if (!sk || seen(f_flags) & O_PATH || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
	    !bpf_core_type_exists(struct unix_sock) ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_ESTABLISHED ||
	    (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net) != glance.net ||
	    BPF_CORE_READ(sk, sk_receive_queue.qlen) ||
	    BPF_CORE_READ((struct sock___queue *)sk, sk_err) ||
	    BPF_CORE_READ((struct unix_sock *)sk, addr))
		return false;
	peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	if (!peer || BPF_CORE_READ((struct unix_sock *)peer, peer) != sk)
		return false;
	if (file_walk.partner == view.file)
		return true;
	file_walk.sought = (__u64)BPF_CORE_READ(peer, sk_socket, file);
	file_walk.sought_inode = 0;
	return file_walk.sought && find_beside();
}

/* --- keys -------------------------------------------------------------------------------------- */

static __always_inline void begin_key(__u32 class)
{
	file_walk.key.word[0] = (__u64)seen(f_op);
	file_walk.key.word[1] = file_walk.sb;
	file_walk.key.word[2] = class;
	file_walk.key.word[3] = (__u64)seen(f_mode) << 32 | seen(f_flags);
	file_walk.key.word[4] = file_walk.key.word[5] = 0;
}

static __always_inline bool plain_key(void)
{
	file_walk.key.word[0] = (__u64)seen(f_path.dentry);
	file_walk.key.word[1] = (__u64)seen(f_path.mnt);
	file_walk.key.word[2] = (__u64)seen(f_op);
	file_walk.key.word[3] = (__u64)seen(f_mode) << 32 | seen(f_flags);
	file_walk.key.word[4] = (__u64)file_walk.i_mode << 32 | file_walk.i_nlink;
	file_walk.key.word[5] = file_walk.inode;
	return true;
}

/* Its counter has not overflowed, and nobody but its file holds it, to tell of something by it. */
static __always_inline bool is_plain_eventfd(void)
{
	struct eventfd_ctx *ctx = seen(private_data);

	return BPF_CORE_READ(ctx, count) != ~0ULL &&
	       BPF_CORE_READ((struct eventfd_ctx___held *)ctx, kref.refcount.refs.counter) <= 1;
}

static __always_inline bool watches_nothing(void)
{
	struct eventpoll *ep = seen(private_data);

	return !BPF_CORE_READ(ep, rbr.rb_root.rb_node);
}

/* False: there is more to it than a key can hold. */
static __always_inline bool file_key(void)
{
	__u32 class;

	file_walk.is_contained = 0;
	if (raw_has_owner() || file_walk.has_locks)
		return false;
	class = class_of_file();
	if (class == CLASS_PLAIN || seen(f_flags) & O_PATH)
		return plain_key();
	begin_key(class);
	switch (class) {
	case CLASS_EVENTFD:
		return is_plain_eventfd();
	case CLASS_STATELESS:
		return true;
	case CLASS_TIMER:
		return !is_cancelled_timer(seen(private_data));
	case CLASS_EPOLL:
		file_walk.is_contained = watches_nothing();
		break;
	case CLASS_PIPE:
		file_walk.is_contained = is_plain_pipe();
		break;
	case CLASS_SOCKET:
		file_walk.is_contained = is_plain_socket();
		break;
	}
	return file_walk.is_contained;
}

/* As file_kind, but only what may have a key: to load all kinds takes longer than the rest. */
static __always_inline void ask_kind(__u32 class)
{
	if (seen(f_flags) & O_PATH)
		return;
	switch (class) {
	case CLASS_PLAIN:
		memfd_detail();
		break;
	case CLASS_EVENTFD:
		eventfd_detail();
		break;
	case CLASS_STATELESS:
		signalfd_detail();
		break;
	case CLASS_TIMER:
		timerfd_detail();
		break;
	case CLASS_PIPE:
		pipe_detail();
		break;
	case CLASS_SOCKET:
		unix_detail();
		break;
	}
}

/* The first of its shape. */
static __always_inline void send_fresh(void)
{
	struct file_record *r = &file_now.record;
	__u64 size;

	describe();
	r->is_contained = file_walk.is_contained;
	r->shape = twin_next(&file_twins);
	ask_kind(class_of_file());
	size = r->detail_size;
	if (size > DETAIL_ROOM)
		size = DETAIL_ROOM;
	if (size)
		r->detail_offset = sizeof(*r);
	if (stream_send(&r->head, RECORD_FILE, view.file, sizeof(*r) + size, false))
		glance.is_full = 1;
	else
		twin_remember(&file_twins, &file_walk.key);
}

static __always_inline void look_at_file(void)
{
	if (!file_key()) {
		glance.doubts |= GLANCE_FILES;
		return;
	}
	if (note_shape(shape_state(twin_find(&file_twins, &file_walk.key), control.known_files,
				   control.judged_files),
		       GLANCE_FILES))
		send_fresh();
}

static long look_at_fd(__u32 i, void *unused)
{
	__u64 file = file_walk.fds[i & (GLANCE_FDS - 1)];

	if (!file)
		return 0;
	glance.n_fds++;
	if (glance.doubts)
		return 0;
	file_walk.at = i;
	view.file = file;
	read_file(file_walk.file, sizeof(file_walk.file), file);
	if ((__u64)seen(f_inode) != file_walk.inode)
		read_inode((__u64)seen(f_inode));
	look_at_file();
	return glance.is_full != 0;
}

static long look_at_chunk(__u32 i, void *unused)
{
	__u32 left = glance.max_fds - i * GLANCE_FDS;

	if (left > GLANCE_FDS)
		left = GLANCE_FDS;
	file_walk.first = i * GLANCE_FDS;
	if (bpf_probe_read_kernel(file_walk.fds, left * sizeof(__u64),
				  (void *)(glance.fds + (__u64)file_walk.first * sizeof(__u64)))) {
		glance.doubts |= GLANCE_FILES;
		return 1;
	}
	bpf_loop(left, look_at_fd, NULL, 0);
	return glance.is_full != 0;
}

int glance_files(void)
{
	file_walk.inode = file_walk.partner = 0;
	bpf_loop((glance.max_fds + GLANCE_FDS - 1) / GLANCE_FDS, look_at_chunk, NULL, 0);
	return 0;
}
