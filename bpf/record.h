/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RECORD_H
#define CRBPF_RECORD_H

/*
 * What crosses from the BPF programs to user/: one record per object, in one ring
 * buffer, each a whole number of 8 bytes that begins with struct record_head. The
 * fields have fixed widths and no padding, so both sides agree without a word.
 *
 * Rules of the stream:
 *  - An object that has parts (a task its pending signals, a file its locks and
 *    its epoll items) sends the parts first, numbered from 0 in head.part, and the
 *    record of the object itself last. An object that the kernel shows again after
 *    the ring was full goes on with the part that did not fit; if it had to begin
 *    again, at part 0, the reader drops the parts it holds for that owner.
 *  - Kernel addresses are identities, good only within one pass over frozen tasks.
 *    The reader turns them into small ids; none ever reaches an image.
 *  - Process numbers are given as the caller of crbpf sees them (host) and as the
 *    task sees them in its own pid namespace (virt); 0 where it has none there.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#define RECORD_COMM	 16	/* TASK_COMM_LEN */
#define RECORD_SIGNALS	 64	/* _NSIG */
#define RECORD_RLIMITS	 16	/* RLIM_NLIMITS */
#define RECORD_AUXV	 56	/* words kept of mm->saved_auxv */
#define RECORD_CPUS	 16	/* words of the affinity mask: 1024 processors */
#define RECORD_SIGINFO	 128	/* sizeof(siginfo_t) */
#define RECORD_GROUPS	 64	/* group ids per record_groups */
#define RECORD_PIDNS	 32	/* MAX_PID_NS_LEVEL */
#define RECORD_PATH	 4096	/* PATH_MAX */
#define RECORD_FLIGHTS	1024	/* files in flight that are looked at, their carrier included */
#define RECORD_LANDLOCK_UNKNOWN 1	/* where the kernel keeps it could not be learned */

enum record_type {
	RECORD_TASK = 1,	/* struct task_record: a thread */
	RECORD_PROCESS,		/* struct process_record: a thread group, sent with its leader */
	RECORD_SIGINFO_PART,	/* struct siginfo_record: part of a task or a process */
	RECORD_TIMER_PART,	/* struct timer_record: part of a process */
	RECORD_GROUPS_PART,	/* struct groups_record: part of a task */
	RECORD_VMA,		/* struct vma_record */
	RECORD_FILE,		/* struct file_record: one descriptor of one table */
	RECORD_LOCK_PART,	/* struct lock_record: part of a file */
	RECORD_EPOLL_PART,	/* struct epoll_record: part of a file */
	RECORD_QUEUE_PART,	/* struct queue_record: part of a file */
	RECORD_VMA_TWIN,	/* struct vma_twin: a mapping like one sent before */
	RECORD_FILE_TWIN,	/* struct file_twin */
	RECORD_DEEP_PART,	/* struct deep_record: part of a process */
	RECORD_FLIGHT_PART,	/* struct file_record of a file in flight: part of a file; the parts
				   after it are its own */
	RECORD_TTY_PART,	/* struct tty_queue_record: part of a file */
	RECORD_WATCH_PART,	/* struct watch_record: part of a file */
	RECORD_EVENT_PART,	/* struct event_record: part of a file, after its watches */
	RECORD_GLANCE,		/* struct glance_record */
	RECORD_TYPES
};

struct record_head {
	__u32 type;		/* enum record_type */
	__u32 size;		/* bytes of the whole record, this head included */
	__u64 owner;		/* address of the object: task, signal_struct, mm, struct file */
	__u32 part;		/* its number among its owner's parts; the owner itself: how many there were */
	__u32 pass;		/* the pass that asked: guards against records of an earlier one */
};

struct record_pid {
	__s32 host;
	__s32 virt;
};

/* A kernel path: where its bytes stand in the variable tail of its record. */
struct record_path {
	__u32 offset;		/* from the start of the record; 0 if there is none */
	__u32 length;		/* without the NUL that follows it */
};

struct record_caps {
	__u64 inheritable, permitted, effective, bounding, ambient;
};

struct record_creds {
	__u64 cred;		/* identity */
	__u64 user_ns;		/* identity */
	__u32 uid, gid, suid, sgid, euid, egid, fsuid, fsgid;	/* in the initial user namespace */
	struct record_caps caps;
	__u32 securebits;
	__u32 n_groups;		/* sent in groups_record parts of the task */
};

/* A NUMA policy; all zero where there is none. */
struct record_policy {
	__u32 mode;		/* MPOL_* with the flags of set_mempolicy(2) */
	__s32 home;		/* node of set_mempolicy_home_node(2); -1 none */
	__u64 nodes;		/* as they were asked for */
	__u32 has_more_nodes;	/* beyond the 64 of @nodes */
	__u32 is_set;
};

/* Keys that only the task's credentials hold. Those of its user, linked there, do not count. */
struct record_keys {
	__u32 thread, process, session;	/* how many in each keyring */
	__u32 is_service;	/* the session's holds systemd's "invocation_id" besides */
};

/* How many tasks have in common what clone(2) lets them share; 0: not known. */
struct record_users {
	__u32 files, fs, sighand;
	__u32 is_vforked;	/* its parent waits in vfork() until it leaves the common memory */
};

/*
 * What has no name in BTF: which bit means what is to be learned by trying (user/learn.h).
 */
struct record_marks {
	__u64 thread_flags;	/* TIF_* that it has and crbpf has not */
	__u64 xfeatures;	/* x86: states that the process may use (ARCH_GET_XCOMP_PERM); 0 unknown */
	__u64 first_argument;	/* arm64: of the call it is in, or was in last, whatever came of it */
	__u64 has_first_argument;
};

/* Kernel fields of a sleeping call; which member counts, the call's number says. */
struct record_restart {
	__u64 fn;		/* identity; means something if the call returned -ERESTART_RESTARTBLOCK */
	__u64 nanosleep_expires;	/* absolute, in @nanosleep_clock */
	__u32 nanosleep_clock;
	__u32 nanosleep_type;	/* TT_NATIVE 1, TT_COMPAT 2, 0 none */
	__u64 nanosleep_rmtp;
	__u64 poll_sec, poll_nsec;	/* absolute, CLOCK_MONOTONIC */
	__u32 poll_has_timeout;
	__u32 futex_val;
	__u64 futex_uaddr;
	__u64 futex_time;	/* absolute */
	__u32 futex_flags;
	__u32 futex_bitset;
};

/* Everything that each thread has of its own. Owner: task_struct. Parts: siginfo, groups. */
struct task_record {
	struct record_head head;
	__u64 group;		/* signal_struct: the process */
	__u64 mm, files, fs, sighand, io_context, sysvsem_undo;	/* identities; mm 0: kernel thread or zombie; undo 0: nothing to be undone */
	__u64 css_set, cgroup;	/* identity; id of the cgroup v2 directory */
	struct record_pid pid;	/* this thread */
	struct record_pid tgid;
	__u32 pid_ns;		/* inode number of its own pid namespace */
	__u32 pid_level;	/* numbers[] used; a task of the first namespace has 1 */
	__s32 pid_numbers[RECORD_PIDNS];	/* from the first namespace inwards */
	__u32 flags;		/* PF_* */
	__u32 exit_state;	/* EXIT_ZOMBIE 0x20, EXIT_DEAD 0x10 */
	__s32 exit_code;
	__s32 exit_signal;
	__u32 personality;
	__u32 pdeath_signal;
	__u64 start_boottime;	/* ns */
	__u64 ptrace;		/* PT_* word: 0 if nobody traces it */
	struct record_pid tracer;
	char comm[RECORD_COMM];

	/* Scheduling */
	__s32 nice;
	__u32 policy, rt_priority;
	__u32 ioprio;
	__u64 dl_runtime, dl_deadline, dl_period;
	__u64 timer_slack_ns, default_timer_slack_ns;
	__u64 cpus[RECORD_CPUS];
	__u32 n_cpus;		/* bits of @cpus that mean something: nr_cpu_ids */
	__u32 sched_reset_on_fork;

	/* Signals */
	__u64 blocked, saved_blocked;	/* the mask; the one kept during sigsuspend, ppoll … (PF_RESTORE_SIGMASK) */
	__u64 pending;
	__u64 sas_sp, sas_size;
	__u32 sas_flags;
	__u32 n_pending;	/* siginfo parts with where SIGINFO_PRIVATE */

	/* What the C library registered */
	__u64 robust_list;
	__u64 clear_child_tid;
	__u64 rseq;
	__u32 rseq_len, rseq_sig;

	/* Security */
	struct record_creds creds;
	__u32 no_new_privs;
	__u32 seccomp_mode;
	__u64 seccomp_filter;	/* identity of the newest filter */
	__u32 seccomp_count;
	__u32 syscall_user_dispatch;	/* x86: 1 if armed */
	__u64 restore_sigmask;	/* 1: saved_blocked is the mask it will have; 2: only PTRACE_GETSIGMASK knows */

	struct record_restart restart;
	__u32 net_ns, ipc_ns, uts_ns, mnt_ns, cgroup_ns, time_ns, time_ns_children, pid_ns_children;
	__u32 user_ns;		/* inode numbers */
	__u32 arch_flags;	/* enum record_arch_flags */

	__u64 jobctl;		/* JOBCTL_*: the low 16 bits are the signal of the last group stop */
	__u64 sud_selector, sud_offset, sud_len;	/* syscall user dispatch, if armed */
	__u64 mempolicy;	/* identity of a NUMA policy; 0 default */
	__u64 io_uring;		/* identity: 0 if it never used io_uring */
	__u32 atomic_flags;	/* PFA_*: no_new_privs 1, spread page 2, slab 4, ssbd 8, forced 16, ib 32, forced 64 */
	__u32 n_fds;		/* descriptors open in its table */
	__u64 cpu_user_ns, cpu_system_ns;	/* CPU time of this thread */

	__u64 wake_ns;		/* with COLLECT_WAKE: when a timer ends its sleep, without slack; 0: none does */
	__u32 wake_clock;	/* what @wake_ns is in */
	__u32 seccomp_listener;	/* 1: one of its filters asks a supervisor (SECCOMP_FILTER_FLAG_NEW_LISTENER) */
	__u64 landlock;		/* identity of its Landlock domain; 0: none; RECORD_LANDLOCK_UNKNOWN */
	__u64 core_cookie;	/* PR_SCHED_CORE: with whom it shares a core; 0: with anybody */
	__u64 nvcsw;		/* how often it went to sleep so far */
	__u64 cpu_run_ns;	/* CPU time as the scheduler measures it: that of CPU clocks */
	struct record_policy numa;	/* what @mempolicy says */
	struct record_keys keys;
	struct record_marks marks;
	struct record_users users;
};

enum record_arch_flags {
	RECORD_TASK_COMPAT = 1,	/* runs 32-bit code */
};

struct record_sigaction {
	__u64 handler, flags, restorer, mask;
};

struct record_itimer {
	/*
	 * real: absolute CLOCK_MONOTONIC; virtual, prof: CPU time at which it fires; 0: off,
	 * or (real, with an interval) it goes on when the pending SIGALRM is taken.
	 */
	__u64 value_ns;
	__u64 interval_ns;
};

/* Everything that a thread group shares. Owner: signal_struct. Parts: siginfo, timers, deep. */
struct process_record {
	struct record_head head;
	__u64 mm, sighand;
	struct record_pid pid, parent, pgid, sid;
	struct record_pid ctty_pgrp;	/* foreground group of the controlling terminal */
	__u64 tty;		/* identity of the controlling terminal; 0 none */
	__u32 tty_index, tty_driver;	/* tty->index; its driver's type << 16 | subtype */
	__u32 n_threads;
	__u32 is_child_subreaper;
	__u32 group_exit_code;
	__u32 stop_signal;	/* the signal that stopped it, 0 if it is not stopped */
	__u32 signal_flags;	/* SIGNAL_* */
	__s32 oom_score_adj;
	__s32 oom_score_adj_min;
	__u32 loginuid, sessionid;
	__u32 umask;
	__u32 membarrier_state;
	__s32 dumpable;		/* SUID_DUMP_*: 0, 1, 2; -1 if this kernel hides it */
	__u64 shared_pending;
	__u32 n_shared_pending;	/* siginfo parts with where SIGINFO_SHARED */
	__u32 n_timers;		/* timer parts */
	struct record_itimer itimers[3];	/* real, virtual, prof */
	__u64 cpu_virtual_ns, cpu_prof_ns;	/* CPU time used so far, the bases of the last two */

	/* mm: 0 throughout for a zombie */
	__u64 start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	__u64 arg_start, arg_end, env_start, env_end;
	__u64 mm_flags;
	__u64 def_flags;	/* VM_LOCKED if mlockall(MCL_FUTURE) … */
	__u64 map_count, total_vm, locked_vm, task_size;
	__u64 mm_users;		/* threads that use it: more than n_threads means CLONE_VM */
	__u64 aio_table;	/* not 0: AIO contexts exist */
	__u32 keys;		/* protection keys that are allocated, by bit; 0: there are none */
	__s32 exec_only_key;	/* that of memory which can only be executed; below 1: none */
	__u64 exe_ino;
	__u32 exe_dev, exe_mnt_id, exe_nlink, cwd_nlink;
	__u64 cwd_ino, root_ino;
	__u32 cwd_dev, cwd_mnt_id, root_dev, root_mnt_id;
	struct record_path exe, cwd, root;	/* as /proc shows them */
};

/* What of a process only its image needs. */
struct deep_record {
	struct record_head head;
	struct {
		__u64 cur, max;
	} rlimits[RECORD_RLIMITS];
	struct record_sigaction actions[RECORD_SIGNALS];
	__u64 auxv[RECORD_AUXV];	/* 0 throughout for a zombie */
};

enum siginfo_where { SIGINFO_PRIVATE, SIGINFO_SHARED };

struct siginfo_record {
	struct record_head head;
	__u32 where;		/* enum siginfo_where */
	__u32 flags;		/* sigqueue.flags: SIGQUEUE_PREALLOC 1 is a POSIX timer's own */
	__u8 siginfo[RECORD_SIGINFO];	/* kernel layout; unused tail zero */
};

struct timer_record {
	struct record_head head;
	__u32 id, clock, notify, signo;
	__u64 sigval;
	__u64 interval_ns;
	__u64 expires_ns;	/* absolute in its clock (CPU clocks: CPU time); 0 disarmed */
	__s64 overrun;		/* what timer_getoverrun would say */
	struct record_pid target;	/* of SIGEV_THREAD_ID; 0 else */
	__u64 requeue_pending;
	__u32 is_pending;	/* its signal is queued now */
	__u32 is_armed;
	__u32 base_clock;	/* @expires_ns is in it: a relative CLOCK_REALTIME timer runs on CLOCK_MONOTONIC */
	__u32 is_periodic_pending;	/* it is queued no more, and goes on when its signal is taken */
	struct record_pid cpu_task;	/* of a CPU clock: whose time it is */
};

struct groups_record {
	struct record_head head;
	__u32 first, n;		/* these are number first.. of the task's groups */
	__u32 gid[RECORD_GROUPS];
};

/* A mapping. Owner: mm. */
struct vma_record {
	struct record_head head;
	__u64 start, end;
	__u64 flags;		/* VM_* */
	__u64 pgoff;		/* pages */
	__u64 file;		/* identity of the struct file; 0 anonymous */
	__u64 anon_vma;		/* identity of the reverse map: 0 if no page was ever written */
	__u64 uffd;		/* identity of a userfaultfd registered on it */
	__u64 ino;		/* of the mapped file */
	__u64 size;		/* i_size of the mapped file */
	__u64 f_op;
	__u32 dev;		/* s_dev: major << 20 | minor */
	__u32 mnt_id;
	__u32 s_magic;
	__u32 i_mode;
	__u32 nlink;
	__u32 f_flags;
	__u32 f_mode;
	__u32 special;		/* enum vma_special */
	__u64 prot;		/* vm_page_prot raw: protection keys, arm64 MTE */
	struct record_path path;
	struct record_path anon_name;	/* prctl(PR_SET_VMA_ANON_NAME), or a special mapping's: "[vdso]" */
	__u32 tgid;		/* of the process asked about */
	__u32 seals;		/* F_SEAL_* of a shmem or hugetlbfs file */
	__u64 policy;		/* identity of a NUMA policy; 0 default */
	__u32 tid;		/* of the thread that was asked: the leader, unless it has ended */
	__u32 has_relatives;	/* by fork: other processes may share its private pages */
	__u32 props;		/* enum vma_prop: what stands at other bits of @flags in other kernels */
	__u32 shape;		/* its number, if others may be twins of it; else 0 */
	struct record_policy numa;	/* what @policy says */
};

/*
 * With COLLECT_SHALLOW: a mapping with the kind, flags and file of the one that had this shape
 * in this pass. What of a record may differ without changing a verdict is not compared:
 * addresses, reverse maps, offsets of anonymous memory.
 */
struct vma_twin {
	struct record_head head;
	__u64 start, end;
	__u32 tgid, tid;
	__u32 shape, reserved;
};

enum vma_prop {
	VMA_PROP_SEALED = 1,	/* mseal() */
};

enum vma_special {
	VMA_ORDINARY,
	VMA_VDSO,
	VMA_VVAR,
	VMA_VSYSCALL,		/* never sent: the iterator does not show it */
	VMA_OTHER_SPECIAL,	/* its name is in anon_name: "[uprobes]", "[sigpage]" … */
	VMA_VVAR_VCLOCK,	/* a second mapping beside vvar since 6.13 */
};

/*
 * A descriptor and the open file description behind it. Owner: struct file.
 * Parts: locks, epoll items, queued messages, watches, queued events. Its tail holds the kind's own detail (bpf/KIND.h) and
 * then the path.
 */
struct file_record {
	struct record_head head;
	__u64 files;		/* identity of the table; RECORD_FLIGHT_PART: of the struct file */
	__u32 tgid;		/* of the process asked about, as the caller sees it */
	__u32 tid;		/* of the thread whose table this is, when it has its own; else tgid */
	__u32 fd;
	__u32 cloexec;
	__u64 f_op, inode, private_data;	/* identities */
	__u64 pos, ino, size;
	__u64 rdev;		/* kernel encoding: major << 20 | minor */
	__u32 f_flags;		/* O_*, without O_CLOEXEC */
	__u32 f_mode;		/* FMODE_* */
	__u32 i_mode, nlink, uid, gid;	/* of the inode */
	__u32 dev, s_magic, mnt_id;
	__u32 fown_pid_type;	/* 0 thread, 1 process, 2 group: F_OWNER_* */
	struct record_pid fown_pid;
	__u32 fown_signum, fown_uid, fown_euid;
	__u32 n_locks, n_epoll;	/* parts sent */
	__u32 detail_type;	/* enum detail_type; 0 none */
	char anon_name[16];	/* of an anonymous inode, without brackets: "eventpoll" */
	__u32 detail_offset, detail_size;	/* from the start of the record */
	struct record_path path;
	__u64 mnt;		/* identity of the mount: tells mounts apart that share an id over time */
	__u64 i_private;	/* identity: what the inode stands for (a namespace, a pid …) */
	__u32 shape;		/* its number, if others may be twins of it; else 0 */
	__u32 has_more_flights;	/* than RECORD_FLIGHTS in its queue, and in those of sockets there */
	__u32 is_contained, reserved;	/* RECORD_GLANCE: all that it is joined to is open in the same table */
};

/*
 * What a glance tells of a thread: bpf/glance.bpf.c. Of one that is not its group's leader only
 * @tgid, @tid and @doubts mean something. Owner: signal_struct.
 */
struct glance_record {
	struct record_head head;
	__u64 mm;		/* identity */
	__u32 tgid, tid, parent, pgid, sid;	/* as the caller sees them */
	__u32 doubts;		/* enum glance_doubt; 0: no judge would object to it in any tree */
	__u32 n_threads, n_fds;
	__u64 css_set;		/* identity of its control groups */
	__u64 landlock;		/* as in struct task_record */
	char comm[RECORD_COMM];
};

enum glance_doubt {
	GLANCE_TASK = 1,	/* something of the thread */
	GLANCE_PROCESS = 2,	/* of what its threads share */
	GLANCE_FILES = 4,
	GLANCE_VMAS = 8,
	GLANCE_MM = 16,		/* somebody else uses its memory, perhaps only to look at it */
};

/*
 * With COLLECT_SHALLOW: a descriptor of the same file by the same path, opened alike, as the one
 * that had this shape in this pass: no owner, no lock, no detail. The position may differ.
 */
struct file_twin {
	struct record_head head;
	__u64 files;
	__u32 tgid, tid, fd, cloexec;
	__u32 shape, reserved;
};

enum lock_class { LOCK_POSIX, LOCK_FLOCK, LOCK_OFD, LOCK_LEASE };

struct lock_record {
	struct record_head head;
	__u32 class;		/* enum lock_class */
	__u32 type;		/* F_RDLCK 0, F_WRLCK 1, F_UNLCK 2 */
	__u32 flags;		/* FL_* */
	__s32 pid;
	__s64 start, end;	/* inclusive; end OFFSET_MAX: to the end of the file */
	__u64 lock;		/* identity: a duplicated descriptor shows the same lock again */
};

struct epoll_record {
	struct record_head head;
	__u32 fd;		/* number under which it was added */
	__u32 events;		/* as kept: 0 in the low bits of a fired EPOLLONESHOT */
	__u64 data;
	__u64 file;		/* identity of the watched struct file */
	__u32 is_ready;		/* epoll_wait would look at it: the kernel has it in its list */
	__u32 reserved;
};

enum queue_flags {
	QUEUE_PEEKED = 1,	/* was peeked at before: an empty packet is then passed over by the next peek */
	QUEUE_OOB = 2,		/* the byte that MSG_OOB gives */
	QUEUE_EMBRYO = 4,	/* a connection that nobody has accepted yet */
	QUEUE_OF_EMBRYO = 8,	/* a message for the connection before it */
	QUEUE_CLOSED = 16,	/* of an embryo: its client has closed */
	QUEUE_PAGED = 32,	/* a message that does not lie in one piece: its bytes are not here */
};

/*
 * A message in the receive queue of a Unix socket, in order; or, of a listener, a connection
 * that nobody has accepted yet, followed by the messages that wait in it, with their bytes.
 */
struct queue_record {
	struct record_head head;
	__u32 message;		/* its place in the queue, from 0 */
	__u32 n_files;		/* descriptors in flight with it */
	__u64 peer;		/* unix_detail.sk of the client of an embryo, or of the sender */
	__u32 bytes;		/* unread; of an embryo: how many messages wait in it */
	__u32 uid, gid;		/* of the sender, as the next: set if credentials are passed; of an
				   embryo: of who connected */
	struct record_pid sender;
	__u32 flags;		/* enum queue_flags */
	__u64 files[];		/* identities of the struct files in flight; QUEUE_OF_EMBRYO: @bytes bytes */
};

#define TTY_READ_BYTES 4096	/* N_TTY_BUF_SIZE: a power of two */

enum tty_queue_what {
	TTY_QUEUE_READ,		/* the ring of the line discipline, then a bit for each byte that ends a line */
	TTY_QUEUE_WAY,		/* the next bytes that it has had no room for yet */
};

/* Unread bytes of a pty, as parts of its master: first those of this side, then those of the slave. */
struct tty_queue_record {
	struct record_head head;
	__u32 is_slave;		/* the slave is to read them */
	__u32 what;		/* enum tty_queue_what */
	__u32 bytes;		/* of @data; what follows up to head.size means nothing */
	__u32 is_canonical;	/* ICANON, as the line discipline has it */
	__u64 tail, head_at, canon_head;	/* TTY_QUEUE_READ: places in the ring, modulo its size */
	__u8 data[];
};

/*
 * What an inotify or fanotify file watches. The tail names the inode as its file system
 * knows it: its name, NUL, the name of its directory, NUL, and so on up to the root.
 */
struct watch_record {
	struct record_head head;
	__u32 wd;		/* of inotify; else 0 */
	__u32 type;		/* enum watch_type */
	__u32 mask, ignore_mask;	/* as the kernel keeps them: FS_* */
	__u32 flags;		/* FSNOTIFY_MARK_FLAG_* */
	__u32 mnt_id;		/* of a mount; else 0 */
	__u64 ino;
	__u64 inode;		/* identity */
	__u32 dev, s_magic;
	__u32 i_mode, nlink;
	__u32 n_names, names_size;	/* of the tail; sizes in bytes, NULs included */
	__u32 is_named;		/* the names are in use: they lead to it */
	__u32 reserved;
};

enum watch_type {
	WATCH_INODE,
	WATCH_MOUNT,
	WATCH_SUPERBLOCK,
	WATCH_OTHER,
	WATCH_NOT,	/* no watch: the names of a file in flight, is_named 0 if it was deleted */
};

/* An event that nobody has read yet, in order. */
struct event_record {
	struct record_head head;
	__s32 wd;
	__u32 mask, cookie;
	__u32 name_size;	/* without the NUL that follows; 0: none */
	char name[256];
};

/* Details: each kind's struct stands in bpf/KIND.h. Appended to, never renumbered. */
enum detail_type {
	DETAIL_NONE,
	DETAIL_EVENTFD,
	DETAIL_TIMERFD,
	DETAIL_SIGNALFD,
	DETAIL_PIPE,
	DETAIL_TTY,
	DETAIL_UNIX,
	DETAIL_INET,
	DETAIL_MEMFD,
	DETAIL_SOCKET,		/* a socket of any other family */
	DETAIL_PIDFD,
	DETAIL_NSFD,
	DETAIL_FSNOTIFY,
};

#endif
