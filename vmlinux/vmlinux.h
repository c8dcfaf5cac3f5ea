/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by tools/gen-vmlinux.sh from a kernel's BTF: do not edit. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct __kernel_timespec;
struct alarm;
struct anon_vma;
struct anon_vma_name;
struct assoc_array;
struct assoc_array_node;
struct bpf_iter__task;
struct bpf_iter__task_file;
struct bpf_iter__task_vma;
struct bpf_prog;
struct cgroup;
struct cgroup_namespace;
struct completion;
struct cpu_itimer;
struct cpu_timer;
struct cpumask;
struct cred;
struct css_set;
struct dentry;
struct epitem;
struct epoll_event;
struct epoll_filefd;
struct eventfd_ctx;
struct eventpoll;
struct fanotify_group_private_data;
struct fdtable;
struct file;
struct file_lock;
struct file_lock_context;
struct file_lock_core;
struct file_operations;
struct files_struct;
struct fown_struct;
struct fpu;
struct fpu_state_perm;
struct fs_struct;
struct fsnotify_event;
struct fsnotify_group;
struct fsnotify_mark;
struct fsnotify_mark_connector;
struct group_info;
struct hlist_bl_node;
struct hlist_head;
struct hlist_node;
struct hrtimer;
struct hrtimer_clock_base;
struct hrtimer_sleeper;
struct hugetlbfs_inode_info;
struct idr;
struct in6_addr;
struct inet_connection_sock;
struct inet_sock;
struct inode;
struct inotify_event_info;
struct inotify_group_private_data;
struct inotify_inode_mark;
struct io_context;
struct io_uring_task;
struct ip_mc_socklist;
struct ipc_namespace;
struct ipv6_mc_socklist;
struct ipv6_pinfo;
struct k_itimer;
struct k_sigaction;
struct kernel_siginfo;
struct kernfs_node;
struct key;
struct keyring_index_key;
struct kioctx;
struct kioctx_table;
struct kref;
struct ktermios;
struct landlock_cred_security;
struct list_head;
struct maple_tree;
struct mempolicy;
struct mm_struct;
struct mnt_namespace;
struct mount;
struct n_tty_data;
struct net;
struct net_device;
struct netlink_sock;
struct nf_loginfo;
struct notification;
struct ns_common;
struct nsproxy;
struct packet_sock;
struct path;
struct pgprot;
struct pid;
struct pid_namespace;
struct pipe_buffer;
struct pipe_inode_info;
struct proc_ns_operations;
struct qstr;
struct rb_node;
struct rb_root;
struct rb_root_cached;
struct refcount_struct;
struct restart_block;
struct rlimit;
struct robust_list_head;
struct rseq;
struct sched_dl_entity;
struct sched_entity;
struct scm_fp_list;
struct seccomp;
struct seccomp_filter;
struct sem_undo_list;
struct shmem_inode_info;
struct sigaction;
struct sighand_struct;
struct signal_struct;
struct signalfd_ctx;
struct sigpending;
struct sigqueue;
struct sk_buff;
struct sk_buff_head;
struct sk_filter;
struct sock;
struct sock_common;
struct sock_reuseport;
struct sockaddr_un;
struct socket;
struct super_block;
struct syscall_user_dispatch;
struct sysv_sem;
struct task_struct;
struct tcp_sock;
struct tcp_ulp_ops;
struct thread_info;
struct thread_struct;
struct time_namespace;
struct timerfd_ctx;
struct timerqueue_head;
struct timerqueue_node;
struct tty_buffer;
struct tty_bufhead;
struct tty_driver;
struct tty_file_private;
struct tty_ldisc;
struct tty_ldisc_ops;
struct tty_port;
struct tty_struct;
struct udp_sock;
struct unix_address;
struct unix_skb_parms;
struct unix_sock;
struct upid;
struct user_namespace;
struct userfaultfd_ctx;
struct uts_namespace;
struct vfsmount;
struct vm_area_struct;
struct vm_operations_struct;
struct vm_special_mapping;
struct vm_userfaultfd_ctx;
struct winsize;
union __sifields;
union sigval;

typedef signed char __s8;
typedef unsigned char __u8;
typedef short int __s16;
typedef short unsigned int __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long int __s64;
typedef long long unsigned int __u64;
typedef __s8 s8;
typedef __u8 u8;
typedef __s16 s16;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
enum {
	false = 0,
	true = 1,
};

typedef long unsigned int __kernel_ulong_t;
typedef int __kernel_pid_t;
typedef unsigned int __kernel_uid32_t;
typedef unsigned int __kernel_gid32_t;
typedef __kernel_ulong_t __kernel_size_t;
typedef long long int __kernel_loff_t;
typedef int __kernel_timer_t;
typedef int __kernel_clockid_t;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef unsigned int __poll_t;
typedef u32 __kernel_dev_t;
typedef __kernel_dev_t dev_t;
typedef short unsigned int umode_t;
typedef __kernel_pid_t pid_t;
typedef __kernel_clockid_t clockid_t;
typedef _Bool bool;
typedef __kernel_uid32_t uid_t;
typedef __kernel_gid32_t gid_t;
typedef __kernel_loff_t loff_t;
typedef __kernel_size_t size_t;
typedef s64 ktime_t;
typedef u64 blkcnt_t;
typedef unsigned int fmode_t;
typedef struct {
	int counter;
} atomic_t;

struct list_head {
	struct list_head *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct hlist_node {
	struct hlist_node *next;
};

struct thread_info {
	long unsigned int flags;
	long unsigned int syscall_work;
};

struct refcount_struct {
	atomic_t refs;
};

typedef struct refcount_struct refcount_t;
struct rb_node {
	long unsigned int __rb_parent_color;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct sched_entity {
	u64 sum_exec_runtime;
};

struct timerqueue_node {
	ktime_t expires;
};

struct hrtimer {
	struct timerqueue_node node;
	ktime_t _softexpires;
	struct hrtimer_clock_base *base;
	u8 state;
};

struct sched_dl_entity {
	u64 dl_runtime;
	u64 dl_deadline;
	u64 dl_period;
};

struct cpumask {
};

typedef struct cpumask cpumask_t;
enum timespec_type {
	TT_NONE = 0,
	TT_NATIVE = 1,
	TT_COMPAT = 2,
};

struct restart_block {
	long int (*fn)(struct restart_block *);
	union {
		struct {
			u32 *uaddr;
			u32 val;
			u32 flags;
			u32 bitset;
			u64 time;
		} futex;
		struct {
			clockid_t clockid;
			enum timespec_type type;
			union {
				struct __kernel_timespec *rmtp;
			};
			u64 expires;
		} nanosleep;
		struct {
			int has_timeout;
			long unsigned int tv_sec;
			long unsigned int tv_nsec;
		} poll;
	};
};

struct rb_root {
	struct rb_node *rb_node;
};

struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

struct sysv_sem {
	struct sem_undo_list *undo_list;
};

typedef struct {
	long unsigned int sig[1];
} sigset_t;

struct sigpending {
	struct list_head list;
	sigset_t signal;
};

typedef struct {
	uid_t val;
} kuid_t;

struct seccomp {
	int mode;
	atomic_t filter_count;
	struct seccomp_filter *filter;
};

struct syscall_user_dispatch {
	char *selector;
	long unsigned int offset;
	long unsigned int len;
};

typedef struct {
} nodemask_t;

struct thread_struct {
	long unsigned int sp;
};

typedef struct kernel_siginfo kernel_siginfo_t;
struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned int flags;
	unsigned int ptrace;
	int static_prio;
	unsigned int rt_priority;
	struct sched_entity se;
	struct sched_dl_entity dl;
	unsigned int policy;
	cpumask_t cpus_mask;
	struct mm_struct *mm;
	int exit_state;
	int exit_code;
	int exit_signal;
	int pdeath_signal;
	long unsigned int jobctl;
	unsigned int personality;
	unsigned int sched_reset_on_fork: 1;
	unsigned int restore_sigmask: 1;
	long unsigned int atomic_flags;
	struct restart_block restart_block;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head thread_node;
	struct completion *vfork_done;
	int *clear_child_tid;
	u64 utime;
	u64 stime;
	long unsigned int nvcsw;
	u64 start_boottime;
	const struct cred *real_cred;
	char comm[16];
	struct sysv_sem sysvsem;
	struct fs_struct *fs;
	struct files_struct *files;
	struct io_uring_task *io_uring;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked;
	sigset_t saved_sigmask;
	struct sigpending pending;
	long unsigned int sas_ss_sp;
	size_t sas_ss_size;
	unsigned int sas_ss_flags;
	kuid_t loginuid;
	unsigned int sessionid;
	struct seccomp seccomp;
	struct syscall_user_dispatch syscall_dispatch;
	struct io_context *io_context;
	struct css_set *cgroups;
	struct robust_list_head *robust_list;
	struct mempolicy *mempolicy;
	struct rseq *rseq;
	u32 rseq_len;
	u32 rseq_sig;
	u64 timer_slack_ns;
	u64 default_timer_slack_ns;
	struct thread_struct thread;
};

typedef void *fl_owner_t;
struct file_operations {
	int (*open)(struct inode *, struct file *);
};

typedef long unsigned int pgprotval_t;
struct pgprot {
	pgprotval_t pgprot;
};

typedef struct pgprot pgprot_t;
struct maple_tree {
	void *ma_root;
};

typedef long unsigned int vm_flags_t;
typedef struct {
	long unsigned int flags;
	u16 pkey_allocation_map;
	s16 execute_only_pkey;
} mm_context_t;

typedef struct {
	long unsigned int __mm_flags[1];
} mm_flags_t;

struct mm_struct {
	struct {
		struct maple_tree mm_mt;
		long unsigned int task_size;
		atomic_t membarrier_state;
		atomic_t mm_users;
		int map_count;
		long unsigned int total_vm;
		long unsigned int locked_vm;
		vm_flags_t def_flags;
		long unsigned int start_code;
		long unsigned int end_code;
		long unsigned int start_data;
		long unsigned int end_data;
		long unsigned int start_brk;
		long unsigned int brk;
		long unsigned int start_stack;
		long unsigned int arg_start;
		long unsigned int arg_end;
		long unsigned int env_start;
		long unsigned int env_end;
		long unsigned int saved_auxv[56];
		mm_context_t context;
		mm_flags_t flags;
		struct kioctx_table *ioctx_table;
		struct file *exe_file;
	};
};

struct vm_userfaultfd_ctx {
	struct userfaultfd_ctx *ctx;
};

struct vm_area_struct {
	union {
		struct {
			long unsigned int vm_start;
			long unsigned int vm_end;
		};
	};
	struct mm_struct *vm_mm;
	pgprot_t vm_page_prot;
	union {
		const vm_flags_t vm_flags;
	};
	struct anon_vma *anon_vma;
	const struct vm_operations_struct *vm_ops;
	long unsigned int vm_pgoff;
	struct file *vm_file;
	void *vm_private_data;
	struct mempolicy *vm_policy;
	struct vm_userfaultfd_ctx vm_userfaultfd_ctx;
};

struct kref {
	refcount_t refcount;
};

enum pid_type {
	PIDTYPE_PID = 0,
	PIDTYPE_PGID = 2,
	PIDTYPE_SID = 3,
};

struct idr {
	unsigned int idr_next;
};

struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct hrtimer_clock_base {
	clockid_t clockid;
};

struct rlimit {
};

typedef void __signalfn_t(int);
typedef void __restorefn_t(void);
union sigval {
	void *sival_ptr;
};

typedef union sigval sigval_t;
union __sifields {
	struct {
		sigval_t _sigval;
	} _timer;
	struct {
		sigval_t _sigval;
	} _rt;
};

struct kernel_siginfo {
	struct {
		int si_signo;
		union __sifields _sifields;
	};
};

struct sigaction {
	sigset_t sa_mask;
};

struct k_sigaction {
	struct sigaction sa;
};

typedef struct {
	gid_t val;
} kgid_t;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[0];
};

typedef struct {
} kernel_cap_t;

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	unsigned int securebits;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kernel_cap_t cap_bset;
	kernel_cap_t cap_ambient;
	struct key *session_keyring;
	struct key *process_keyring;
	struct key *thread_keyring;
	void *security;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};

struct keyring_index_key {
	const char *description;
};

struct assoc_array {
	struct assoc_array_ptr *root;
	long unsigned int nr_leaves_on_tree;
};

struct key {
	long unsigned int flags;
	union {
		struct keyring_index_key index_key;
	};
	union {
		struct {
			struct assoc_array keys;
		};
	};
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

struct cpu_itimer {
	u64 expires;
	u64 incr;
};

struct signal_struct {
	int nr_threads;
	struct list_head thread_head;
	struct sigpending shared_pending;
	int group_exit_code;
	unsigned int flags;
	unsigned int is_child_subreaper: 1;
	struct hlist_head posix_timers;
	struct hrtimer real_timer;
	ktime_t it_real_incr;
	struct cpu_itimer it[2];
	struct pid *pids[4];
	struct tty_struct *tty;
	u64 utime;
	u64 stime;
	struct rlimit rlim[16];
	short int oom_score_adj;
	short int oom_score_adj_min;
};

struct sighand_struct {
	refcount_t count;
	struct k_sigaction action[64];
};

struct io_context {
	short unsigned int ioprio;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct mempolicy {
	short unsigned int mode;
	short unsigned int flags;
	nodemask_t nodes;
	int home_node;
	union {
		nodemask_t user_nodemask;
	} w;
};

struct user_namespace {
	struct ns_common ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	fmode_t f_mode;
	const struct file_operations *f_op;
	void *private_data;
	struct inode *f_inode;
	unsigned int f_flags;
	struct fown_struct *f_owner;
	union {
		const struct path f_path;
	};
	loff_t f_pos;
};

struct vm_operations_struct {
	const char * (*name)(struct vm_area_struct *);
};

struct anon_vma {
	struct anon_vma *root;
	long unsigned int num_children;
};

struct sk_buff {
	union {
		struct {
			struct sk_buff *next;
		};
	};
	struct sock *sk;
	char cb[48];
	unsigned int len;
	unsigned int data_len;
	__u8 peeked: 1;
	unsigned char *data;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	union {
		const struct qstr d_name;
	};
	struct inode *d_inode;
	struct super_block *d_sb;
	union {
		struct hlist_node d_alias;
	} d_u;
};

struct inode {
	umode_t i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	long unsigned int i_ino;
	union {
		const unsigned int i_nlink;
	};
	dev_t i_rdev;
	loff_t i_size;
	u8 i_blkbits;
	blkcnt_t i_blocks;
	union {
		struct hlist_head i_dentry;
	};
	struct file_lock_context *i_flctx;
	union {
		struct pipe_inode_info *i_pipe;
	};
	struct fsnotify_mark_connector *i_fsnotify_marks;
	void *i_private;
};

struct super_block {
	dev_t s_dev;
	long unsigned int s_flags;
	long unsigned int s_magic;
};

struct vfsmount {
	struct super_block *mnt_sb;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct group_info {
	int ngroups;
	kgid_t gid[0];
};

struct fown_struct {
	struct pid *pid;
	enum pid_type pid_type;
	kuid_t uid;
	kuid_t euid;
	int signum;
};

struct kernfs_node {
	u64 id;
};

struct uts_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct time_namespace {
	struct ns_common ns;
};

struct cgroup_namespace {
	struct ns_common ns;
};

struct proc_ns_operations {
	const char *name;
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_RINGBUF = 27,
};

struct in6_addr {
};

typedef u8 u_int8_t;
typedef void nf_logfn(struct net *, u_int8_t, unsigned int, const struct sk_buff *, const struct net_device *, const struct net_device *, const struct nf_loginfo *, const char *);
struct fs_struct {
	int users;
	int umask;
	struct path root;
	struct path pwd;
};

typedef unsigned int tcflag_t;
typedef unsigned char cc_t;
typedef unsigned int speed_t;
struct ktermios {
	tcflag_t c_iflag;
	tcflag_t c_oflag;
	tcflag_t c_cflag;
	tcflag_t c_lflag;
	cc_t c_line;
	cc_t c_cc[19];
	speed_t c_ispeed;
	speed_t c_ospeed;
};

struct winsize {
	short unsigned int ws_row;
	short unsigned int ws_col;
	short unsigned int ws_xpixel;
	short unsigned int ws_ypixel;
};

struct tty_struct {
	int index;
	struct tty_driver *driver;
	struct tty_port *port;
	struct tty_ldisc *ldisc;
	struct ktermios termios;
	long unsigned int flags;
	int count;
	struct winsize winsize;
	struct {
		bool stopped;
		bool tco_stopped;
	} flow;
	struct {
		struct pid *pgrp;
		struct pid *session;
		unsigned char pktstatus;
		bool packet;
	} ctrl;
	struct tty_struct *link;
	void *disc_data;
	void *driver_data;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	union {
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		struct {
			__be16 skc_dport;
		};
	};
	short unsigned int skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse: 4;
	unsigned char skc_reuseport: 1;
	unsigned char skc_ipv6only: 1;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	union {
		long unsigned int skc_flags;
	};
};

struct sk_buff_head {
	union {
		struct {
			struct sk_buff *next;
		};
	};
	__u32 qlen;
};

struct sock {
	struct sock_common __sk_common;
	__s32 sk_peek_off;
	struct sk_buff_head sk_receive_queue;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	unsigned int sk_ll_usec;
	u16 sk_busy_poll_budget;
	u8 sk_prefer_busy_poll;
	u8 sk_userlocks;
	int sk_rcvbuf;
	struct sk_filter *sk_filter;
	long int sk_rcvtimeo;
	int sk_rcvlowat;
	int sk_err;
	struct socket *sk_socket;
	u32 sk_tsflags;
	refcount_t sk_wmem_alloc;
	long unsigned int sk_max_pacing_rate;
	long int sk_sndtimeo;
	u32 sk_priority;
	u32 sk_mark;
	u16 sk_protocol;
	u16 sk_type;
	int sk_sndbuf;
	u8 sk_no_check_tx: 1;
	u8 sk_shutdown;
	long unsigned int sk_lingertime;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	struct pid *sk_peer_pid;
	const struct cred *sk_peer_cred;
	union {
		u8 sk_scm_recv_flags;
	};
	struct sock_reuseport *sk_reuseport_cb;
};

enum tty_driver_type {
	TTY_DRIVER_TYPE_SYSTEM = 0,
	TTY_DRIVER_TYPE_CONSOLE = 1,
	TTY_DRIVER_TYPE_SERIAL = 2,
	TTY_DRIVER_TYPE_PTY = 3,
	TTY_DRIVER_TYPE_SCC = 4,
	TTY_DRIVER_TYPE_SYSCONS = 5,
};

enum tty_driver_subtype {
	SYSTEM_TYPE_TTY = 1,
	SYSTEM_TYPE_CONSOLE = 2,
	SYSTEM_TYPE_SYSCONS = 3,
	SYSTEM_TYPE_SYSPTMX = 4,
	PTY_TYPE_MASTER = 1,
	PTY_TYPE_SLAVE = 2,
	SERIAL_TYPE_NORMAL = 1,
};

struct tty_driver {
	enum tty_driver_type type;
	enum tty_driver_subtype subtype;
};

struct tty_buffer {
	union {
		struct tty_buffer *next;
	};
	unsigned int commit;
	unsigned int read;
	u8 data[0];
};

struct tty_bufhead {
	struct tty_buffer *head;
};

struct tty_port {
	struct tty_bufhead buf;
	struct {
		u8 buf[0];
	} xmit_fifo;
};

struct tty_ldisc_ops {
	int num;
};

struct tty_ldisc {
	struct tty_ldisc_ops *ops;
};

enum rx_handler_result {
	RX_HANDLER_CONSUMED = 0,
	RX_HANDLER_ANOTHER = 1,
	RX_HANDLER_EXACT = 2,
	RX_HANDLER_PASS = 3,
};

typedef enum rx_handler_result rx_handler_result_t;
typedef rx_handler_result_t rx_handler_func_t(struct sk_buff **);
struct socket {
	long unsigned int flags;
	struct file *file;
	struct sock *sk;
};

struct vm_special_mapping {
	const char *name;
};

struct fpu_state_perm {
	u64 __state_perm;
};

struct fpu {
	struct fpu_state_perm perm;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	long unsigned int *close_on_exec;
	long unsigned int *open_fds;
};

struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};

typedef unsigned int pipe_index_t;
struct pipe_inode_info {
	union {
		struct {
			pipe_index_t head;
			pipe_index_t tail;
		};
	};
	unsigned int max_usage;
	unsigned int ring_size;
	unsigned int readers;
	unsigned int writers;
	struct pipe_buffer *bufs;
};

struct pipe_buffer {
	unsigned int len;
	unsigned int flags;
};

struct sigqueue {
	struct list_head list;
	int flags;
	kernel_siginfo_t info;
};

typedef __kernel_timer_t timer_t;
enum alarmtimer_type {
	ALARM_REALTIME = 0,
	ALARM_BOOTTIME = 1,
	ALARM_NUMTYPE = 2,
	ALARM_REALTIME_FREEZER = 3,
	ALARM_BOOTTIME_FREEZER = 4,
};

struct alarm {
	struct timerqueue_node node;
	enum alarmtimer_type type;
	int state;
};

struct cpu_timer {
	struct timerqueue_node node;
	struct timerqueue_head *head;
	struct pid *pid;
};

struct k_itimer {
	struct hlist_node list;
	timer_t it_id;
	clockid_t it_clock;
	int it_sigev_notify;
	bool it_sig_periodic;
	s64 it_overrun_last;
	ktime_t it_interval;
	union {
		struct pid *it_pid;
	};
	struct sigqueue sigq;
	union {
		struct {
			struct hrtimer timer;
		} real;
		struct cpu_timer cpu;
		struct {
			struct alarm alarmtimer;
		} alarm;
	} it;
};

enum {
	TCP_ESTABLISHED = 1,
	TCP_LISTEN = 10,
};

struct ipc_namespace {
	struct ns_common ns;
};

struct hrtimer_sleeper {
	struct hrtimer timer;
	struct task_struct *task;
};

struct fsnotify_mark_connector {
	unsigned char type;
	union {
		void *obj;
	};
};

enum fsnotify_group_prio {
	FSNOTIFY_PRIO_NORMAL = 0,
	FSNOTIFY_PRIO_CONTENT = 1,
	FSNOTIFY_PRIO_PRE_CONTENT = 2,
	__FSNOTIFY_PRIO_NUM = 3,
};

struct inotify_group_private_data {
	struct idr idr;
};

struct fanotify_group_private_data {
	struct list_head access_list;
	int flags;
	int f_flags;
};

struct fsnotify_group {
	struct list_head notification_list;
	unsigned int q_len;
	unsigned int max_events;
	enum fsnotify_group_prio priority;
	struct list_head marks_list;
	union {
		struct inotify_group_private_data inotify_data;
		struct fanotify_group_private_data fanotify_data;
	};
};

struct fsnotify_mark {
	__u32 mask;
	struct list_head g_list;
	struct fsnotify_mark_connector *connector;
	__u32 ignore_mask;
	unsigned int flags;
};

struct fsnotify_event {
	struct list_head list;
};

struct seccomp_filter {
	struct seccomp_filter *prev;
	struct notification *notif;
};

enum {
	BPF_F_NO_PREALLOC = 1,
};

struct bpf_iter__task {
	union {
		struct task_struct *task;
	};
};

struct bpf_iter__task_file {
	union {
		struct task_struct *task;
	};
	u32 fd;
	union {
		struct file *file;
	};
};

struct bpf_iter__task_vma {
	union {
		struct task_struct *task;
	};
	union {
		struct vm_area_struct *vma;
	};
};

enum {
	BPF_RB_NO_WAKEUP = 1,
};

enum {
	BPF_RB_AVAIL_DATA = 0,
};

struct sock_reuseport {
	struct bpf_prog *prog;
};

enum sock_type {
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
};

enum {
	IPPROTO_TCP = 6,
};

struct shmem_inode_info {
	unsigned int seals;
	struct inode vfs_inode;
};

struct anon_vma_name {
	char name[0];
};

struct hugetlbfs_inode_info {
	struct inode vfs_inode;
	unsigned int seals;
};

struct file_lock_context {
	struct list_head flc_flock;
	struct list_head flc_posix;
	struct list_head flc_lease;
};

struct file_lock_core {
	struct list_head flc_list;
	fl_owner_t flc_owner;
	unsigned int flc_flags;
	unsigned char flc_type;
	pid_t flc_pid;
	struct file *flc_file;
};

struct file_lock {
	struct file_lock_core c;
	loff_t fl_start;
	loff_t fl_end;
};

struct mount {
	struct vfsmount mnt;
	struct fsnotify_mark_connector *mnt_fsnotify_marks;
	int mnt_id;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct inotify_inode_mark {
	int wd;
};

struct inotify_event_info {
	struct fsnotify_event fse;
	u32 mask;
	int wd;
	u32 sync_cookie;
	int name_len;
	char name[0];
};

struct epoll_event {
	__poll_t events;
	__u64 data;
} __attribute__((packed));

struct epoll_filefd {
	struct file *file;
	int fd;
} __attribute__((packed));

struct epitem {
	struct list_head rdllink;
	struct epoll_filefd ffd;
	struct epoll_event event;
};

struct eventpoll {
	struct rb_root_cached rbr;
};

struct signalfd_ctx {
	sigset_t sigmask;
};

struct timerfd_ctx {
	union {
		struct hrtimer tmr;
		struct alarm alarm;
	} t;
	ktime_t tintv;
	ktime_t moffs;
	u64 ticks;
	int clockid;
	short unsigned int expired;
	short unsigned int settime_flags;
	bool might_cancel;
};

struct eventfd_ctx {
	struct kref kref;
	__u64 count;
	unsigned int flags;
	int id;
};

struct kioctx_table {
	unsigned int nr;
	struct kioctx *table[0];
};

struct sockaddr_un {
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
	struct sk_buff *oob_skb;
};

struct sem_undo_list {
	struct list_head list_proc;
};

struct assoc_array_node {
	struct assoc_array_ptr *slots[16];
};

struct inet_sock {
	struct ipv6_pinfo *pinet6;
	__be16 inet_sport;
	struct ip_mc_socklist *mc_list;
};

struct ipv6_pinfo {
	struct ipv6_mc_socklist *ipv6_mc_list;
};

struct tty_file_private {
	struct tty_struct *tty;
	struct file *file;
};

struct landlock_cred_security {
} __attribute__((packed));

struct n_tty_data {
	size_t read_head;
	size_t canon_head;
	bool no_room;
	unsigned char icanon: 1;
	u8 read_buf[4096];
	long unsigned int read_flags[64];
	size_t read_tail;
};

struct udp_sock {
	struct sk_buff_head reader_queue;
};

struct inet_connection_sock {
	const struct tcp_ulp_ops *icsk_ulp_ops;
};

struct tcp_sock {
	u8 repair: 1;
	u32 copied_seq;
	u32 write_seq;
	u32 rcv_nxt;
	u32 snd_una;
};

struct scm_fp_list {
	short int count;
	struct file *fp[253];
};

struct netlink_sock {
	u32 portid;
	u32 dst_portid;
	long unsigned int *groups;
};

struct unix_skb_parms {
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;
	struct scm_fp_list *fp;
	u32 consumed;
};

struct packet_sock {
	int ifindex;
	__be16 num;
};


#pragma clang attribute pop
#endif
