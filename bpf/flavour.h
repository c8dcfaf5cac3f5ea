/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_FLAVOUR_H
#define CRBPF_BPF_FLAVOUR_H

/*
 * A type that has a name in the kernel must have that name here, too, and not be an unnamed
 * member: user/collect/types.c gives libbpf the members of what is named here, no others.
 */

/*
 * Kernel types as other releases have them. libbpf drops what follows ___ in a name
 * when it looks for the type, and bpf_core_field_exists says whether this kernel has
 * that layout. Wherever the kind of a type changed (struct to pointer, short to enum)
 * the test must be made on the flavour, or the size of the field is not resolved.
 */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/*
 * 7.x moved the robust list into task_struct.futex, rseq into a struct rseq_data, and
 * dumpable from the flags of the mm to the task.
 */
struct futex_sched_data___new {
	struct robust_list_head *robust_list;
};
struct rseq_data___new {
	void *usrptr;
	__u32 len, sig;
};
enum task_dumpable___new { TASK_DUMPABLE_OFF___new };
struct task_exec_state___new {
	enum task_dumpable___new dumpable;
};
struct task_struct___new {
	struct futex_sched_data___new futex;
	struct rseq_data___new rseq;
	struct task_exec_state___new *exec_state;
};
/* before them the fields stood in task_struct itself; rseq_len is there since 6.3 */
struct task_struct___old {
	struct robust_list_head *robust_list;
	struct rseq *rseq;
	__u32 rseq_len, rseq_sig;
};

/* 7.x: the end of a poll is a struct timespec64, not two words */
struct timespec64___new {
	__s64 tv_sec;
	long tv_nsec;
};
struct restart_block___new {
	struct {
		struct timespec64___new end_time;
	} poll;
};
struct restart_block___old {
	struct {
		unsigned long tv_sec, tv_nsec;
	} poll;
};

/* with CONFIG_SCHED_CORE */
struct task_struct___core {
	unsigned long core_cookie;
};

/* Not on every architecture: the generic entry code, and the flag that has no TIF bit. */
struct thread_info___entry {
	unsigned long flags, syscall_work;
};
struct task_struct___entry {
	struct thread_info___entry thread_info;
	struct {
		char *selector;
		unsigned long offset, len;
	} syscall_dispatch;
	unsigned int restore_sigmask : 1;
};
enum syscall_work_bit___entry {
	SYSCALL_WORK_BIT_SYSCALL_USER_DISPATCH___entry = 6,
};

/* Private to kernel/seccomp.c. */
struct seccomp_filter___private {
	struct seccomp_filter___private *prev;
	void *notif;
};

/* Private to ipc/sem.c. */
struct sem_undo_list___sysv {
	struct list_head list_proc;
};

/* The first argument of a call, which on arm64 its result takes the place of. */
struct pt_regs___arm64 {
	__u64 orig_x0;
};

/* what the types of a scan leave out */
struct kref___count {
	refcount_t refcount;
};
struct eventfd_ctx___held {
	struct kref___count kref;
};

/* mm.flags was a word until 6.17 wrapped it in mm_flags_t */
struct mm_struct___word {
	unsigned long flags;
};
struct mm_struct___bitmap {
	struct {
		unsigned long __mm_flags[1];
	} flags;
};
/* x86; arm64 has the first since 6.12, as a byte */
struct mm_struct___keys {
	struct {
		unsigned short pkey_allocation_map;
		short execute_only_pkey;
	} context;
};
/* bit 0 of the flags in mm_context_t is a 32-bit program on x86 and on arm64 */
struct mm_struct___context {
	struct {
		unsigned long flags;
	} context;
};

/* 7.1 renamed hrtimer.state to is_queued and gave its node another type */
struct timerqueue_linked_node___new {
	__s64 expires;
};
struct hrtimer___new {
	struct timerqueue_linked_node___new node;
	bool is_queued;
};
struct hrtimer___old {
	struct timerqueue_node node;
	__u8 state;
};

/* 6.13 embedded sigqueue and changed the list of timers from list_head to hlist (6.12) */
struct k_itimer___old {
	struct list_head list;
	struct sigqueue *sigq;
	int it_requeue_pending;
	int it_active;
};
struct k_itimer___hlist {
	struct hlist_node list;
};
struct k_itimer___new {
	struct hlist_node list;
	struct sigqueue sigq;
	int it_status;
	bool it_sig_periodic;
};
struct signal_struct___list {
	struct list_head posix_timers;
};
struct signal_struct___hlist {
	struct hlist_head posix_timers;
};

/* Private to fs/timerfd.c. */
struct timerfd_ctx___cancel {
	__s64 moffs;
	bool might_cancel;
};

/* f_owner became a pointer, allocated when it is first set, in 6.12 */
struct file___owner {
	struct fown_struct f_owner;
};

/* 6.9 split file_lock: what flock, leases and POSIX locks share is file_lock_core */
struct file_lock___old {
	struct list_head fl_list;
	void *fl_owner;
	unsigned int fl_flags;
	unsigned char fl_type;
	unsigned int fl_pid;
	struct file *fl_file;
	__s64 fl_start, fl_end;
};

/* epitem.ffd: epoll_filefd until 7.0, then epoll_key */
struct epoll_key___new {
	struct file *file;
	int fd;
} __attribute__((packed));
struct epitem___new {
	struct epoll_key___new ffd;
};

/* struct tty_driver: types are enums since 6.17 */
struct tty_driver___short {
	short type, subtype;
};
enum tty_driver_type___new { TTY_DRIVER_TYPE_PTY___new = 3 };
/* an enum since 6.14; macros with other values before */
enum tty_struct_flags___new {
	TTY_OTHER_CLOSED___new = 2,
	TTY_EXCLUSIVE___new = 3,
	TTY_PTY_LOCK___new = 6,
	TTY_HUPPED___new = 8,
};

/* only with CONFIG_WATCH_QUEUE */
struct pipe_inode_info___watch {
	void *watch_queue;
};

/*
 * Only with CONFIG_ANON_VMA_NAME. In 6.1 it shares its place with the reverse map
 * of files, so it means something only where vm_file is NULL.
 */
struct anon_vma_name___optional {
	char name[0];
};
struct vm_area_struct___named {
	struct anon_vma_name___optional *anon_name;
};

/* Only with CONFIG_NUMA. */
struct mempolicy___numa {
	unsigned short mode, flags;
	struct {
		unsigned long bits[1];
	} nodes;
	int home_node; /* since 5.17 */
	union {
		struct {
			unsigned long bits[1];
		} user_nodemask;
	} w;
};

/* Only with CONFIG_KEYS. A node of the tree has 16 slots; bit 0 of one is set: another node. */
struct assoc_array_ptr;
struct assoc_array___keys {
	struct assoc_array_ptr *root;
	unsigned long nr_leaves_on_tree;
};
struct assoc_array_node___keys {
	struct assoc_array_ptr *slots[16];
};
struct keyring_index_key___keys {
	char *description;
};
struct key___keys {
	unsigned long flags;
	struct keyring_index_key___keys index_key;
	struct assoc_array___keys keys;
};
/* x86. It stood in thread_struct, and since 6.16 it lies behind task_struct. */
struct fpu_state_perm___perm {
	__u64 __state_perm;
};
struct fpu___perm {
	struct fpu_state_perm___perm perm;
};
struct thread_struct___fpu {
	struct fpu___perm fpu;
};
struct task_struct___fpu {
	struct thread_struct___fpu thread;
};

struct cred___keys {
	struct key___keys *thread_keyring, *process_keyring, *session_keyring;
};

/* before 6.0 `degree` stood for something like num_children (2555283eb40d) */
struct anon_vma___family {
	struct anon_vma___family *root;
	unsigned long num_children;
};

/* Messages of sockets: what only the walk of a queue asks for. */
struct sk_buff___queue {
	__u8 peeked : 1;
	unsigned char *data;
	unsigned int data_len;
};
struct sock___queue {
	int sk_err;
	int sk_peek_off;
};

/*
 * What the kernel answers getsockopt from. In 6.1 sk_userlocks is a bit field and sk_tsflags shorter;
 * since 6.16 sk_scm_recv_flags has what stood among the flags of struct socket.
 */
struct sock_common___options {
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	int skc_bound_dev_if;
	unsigned long skc_flags;
};
struct sock___options {
	struct sock_common___options __sk_common;
	__s32 sk_peek_off;
	unsigned int sk_ll_usec;
	u16 sk_busy_poll_budget;
	u8 sk_prefer_busy_poll;
	u8 sk_userlocks;
	int sk_rcvbuf;
	void *sk_filter;
	long sk_rcvtimeo;
	int sk_rcvlowat;
	u32 sk_tsflags;
	unsigned long sk_max_pacing_rate;
	long sk_sndtimeo;
	u32 sk_priority;
	u32 sk_mark;
	int sk_sndbuf;
	u8 sk_no_check_tx : 1;
	unsigned long sk_lingertime;
	void *sk_peer_cred;
	u8 sk_scm_recv_flags;
};
struct socket___options {
	unsigned long flags;
};

/* only with CONFIG_AF_UNIX_OOB */
struct unix_sock___oob {
	struct sk_buff *oob_skb;
};

/* 6.10 moved it into struct fsnotify_sb_info */
struct super_block___marks {
	struct fsnotify_mark_connector *s_fsnotify_marks;
};

/* the class of a fanotify group: an unsigned int before 6.10 made it an enum */
enum fsnotify_group_prio___enum { FSNOTIFY_PRIO_NORMAL___enum };
struct fsnotify_group___enum {
	enum fsnotify_group_prio___enum priority;
};
struct fsnotify_group___number {
	unsigned int priority;
};

/* 7.x has no name for the union that the list of a file's names is in */
struct dentry___direct {
	struct hlist_node d_alias;
};

/* how many tasks have them */
struct files_struct___users {
	atomic_t count;
};
struct fs_struct___users {
	int users;
};
struct sighand_struct___users {
	refcount_t count;
};

#pragma clang attribute pop
#endif
