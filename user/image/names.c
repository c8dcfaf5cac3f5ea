// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "image/file.h"

#include "apparmor.pb-c.h"
#include "autofs.pb-c.h"
#include "binfmt-misc.pb-c.h"
#include "bpfmap-data.pb-c.h"
#include "bpfmap-file.pb-c.h"
#include "cgroup.pb-c.h"
#include "core.pb-c.h"
#include "cpuinfo.pb-c.h"
#include "creds.pb-c.h"
#include "eventfd.pb-c.h"
#include "eventpoll.pb-c.h"
#include "ext-file.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fh.pb-c.h"
#include "fifo.pb-c.h"
#include "file-lock.pb-c.h"
#include "fs.pb-c.h"
#include "fsnotify.pb-c.h"
#include "ghost-file.pb-c.h"
#include "inventory.pb-c.h"
#include "ipc-msg.pb-c.h"
#include "ipc-sem.pb-c.h"
#include "ipc-shm.pb-c.h"
#include "ipc-var.pb-c.h"
#include "memfd.pb-c.h"
#include "memory-tags.pb-c.h"
#include "mm.pb-c.h"
#include "mnt.pb-c.h"
#include "netdev.pb-c.h"
#include "ns.pb-c.h"
#include "packet-sock.pb-c.h"
#include "pagemap.pb-c.h"
#include "pidfd.pb-c.h"
#include "pidns.pb-c.h"
#include "pipe.pb-c.h"
#include "pipe-data.pb-c.h"
#include "pstree.pb-c.h"
#include "regfile.pb-c.h"
#include "remap-file-path.pb-c.h"
#include "rlimit.pb-c.h"
#include "sa.pb-c.h"
#include "seccomp.pb-c.h"
#include "siginfo.pb-c.h"
#include "signalfd.pb-c.h"
#include "sk-inet.pb-c.h"
#include "sk-netlink.pb-c.h"
#include "sk-packet.pb-c.h"
#include "sk-unix.pb-c.h"
#include "stats.pb-c.h"
#include "tcp-stream.pb-c.h"
#include "timens.pb-c.h"
#include "timer.pb-c.h"
#include "timerfd.pb-c.h"
#include "tty.pb-c.h"
#include "tun.pb-c.h"
#include "userns.pb-c.h"
#include "utsns.pb-c.h"
#include "vma.pb-c.h"

static long long pipe_bytes(const ProtobufCMessage *msg)
{
	return ((const PipeDataEntry *)msg)->bytes;
}

static long long packet_bytes(const ProtobufCMessage *msg)
{
	return ((const SkPacketEntry *)msg)->length;
}

static long long tcp_queue_bytes(const ProtobufCMessage *msg)
{
	const TcpStreamEntry *e = (const void *)msg;

	return (long long)e->inq_len + e->outq_len;
}

static long long bpfmap_bytes(const ProtobufCMessage *msg)
{
	const BpfmapDataEntry *e = (const void *)msg;

	return (long long)e->keys_bytes + e->values_bytes;
}

static long long round_up(long long n, long long to)
{
	return (n + to - 1) / to * to;
}

static long long sem_bytes(const ProtobufCMessage *msg)
{
	return round_up(((const IpcSemEntry *)msg)->nsems * 2LL, 8);
}

static long long shm_bytes(const ProtobufCMessage *msg)
{
	const IpcShmEntry *e = (const void *)msg;

	if (e->in_pagemaps)
		return 0;
	return e->size > INT64_MAX / 2 ? INT64_MAX : round_up((long long)e->size, 4);
}

static long long n_messages(const ProtobufCMessage *msg)
{
	return ((const IpcMsgEntry *)msg)->qnum;
}

static long long message_bytes(const ProtobufCMessage *msg)
{
	return round_up(((const IpcMsg *)msg)->msize, 8);
}

/* A ghost in chunks is followed by them to the end of the file; otherwise that is its content. */
static long long ghost_bytes(const ProtobufCMessage *msg)
{
	return ((const GhostFileEntry *)msg)->chunks ? 0 : -1;
}

static long long n_chunks(const ProtobufCMessage *msg)
{
	return ((const GhostFileEntry *)msg)->chunks ? -1 : 0;
}

static long long chunk_bytes(const ProtobufCMessage *msg)
{
	const GhostChunkEntry *e = (const void *)msg;

	return e->len > INT64_MAX ? INT64_MAX : (long long)e->len;
}

/* clang-format off */
#define ENTRIES(format_, name_, magic_, message_)                                                  \
	.format = format_, .name = name_, .head_magic = IMAGE_MAGIC_COMMON, .magic = magic_,       \
	.entry = &message_##__descriptor
#define SERVICE(format_, name_, magic_, message_)                                                  \
	.format = format_, .name = name_, .head_magic = IMAGE_MAGIC_SERVICE, .magic = magic_,      \
	.entry = &message_##__descriptor
#define RAW(format_) .format = format_

static const struct image_info infos[IMAGE_TYPES] = {
	[IMAGE_INVENTORY] = {
		.format = "inventory.img", .name = "INVENTORY", .magic = 0x58313116,
		.entry = &inventory_entry__descriptor },
	[IMAGE_PSTREE] = { ENTRIES("pstree.img", "PSTREE", 0x50273030, pstree_entry) },
	[IMAGE_CORE] = { ENTRIES("core-%llu.img", "CORE", 0x55053847, core_entry) },
	[IMAGE_IDS] = { ENTRIES("ids-%llu.img", "IDS", 0x54432030, task_kobj_ids_entry) },
	[IMAGE_MM] = { ENTRIES("mm-%llu.img", "MM", 0x57492820, mm_entry) },
	[IMAGE_FS] = { ENTRIES("fs-%llu.img", "FS", 0x51403912, fs_entry) },
	[IMAGE_FDINFO] = { ENTRIES("fdinfo-%llu.img", "FDINFO", 0x56213732, fdinfo_entry) },
	[IMAGE_FILES] = { ENTRIES("files.img", "FILES", 0x56303138, file_entry) },
	[IMAGE_PAGEMAP] = { ENTRIES("pagemap-%llu.img", "PAGEMAP", 0x56084025, pagemap_entry),
		.first = &pagemap_head__descriptor },
	[IMAGE_PAGEMAP_SHMEM] = {
		ENTRIES("pagemap-shmem-%llu.img", "PAGEMAP", 0x56084025, pagemap_entry),
		.first = &pagemap_head__descriptor },
	[IMAGE_PAGES] = { RAW("pages-%llu.img") },
	[IMAGE_PIPES_DATA] = { ENTRIES("pipes-data.img", "PIPES_DATA", 0x56453709, pipe_data_entry),
		.extra = pipe_bytes },
	[IMAGE_FIFO_DATA] = { ENTRIES("fifo-data.img", "FIFO_DATA", 0x59333054, pipe_data_entry),
		.extra = pipe_bytes },
	[IMAGE_SK_QUEUES] = { ENTRIES("sk-queues.img", "SK_QUEUES", 0x56264026, sk_packet_entry),
		.extra = packet_bytes },
	[IMAGE_TCP_STREAM] = {
		ENTRIES("tcp-stream-%llx.img", "TCP_STREAM", 0x51465506, tcp_stream_entry),
		.extra = tcp_queue_bytes },
	[IMAGE_REMAP_FPATH] = {
		ENTRIES("remap-fpath.img", "REMAP_FPATH", 0x59133954, remap_file_path_entry),
	},
	[IMAGE_GHOST_FILE] = {
		ENTRIES("ghost-file-%llx.img", "GHOST_FILE", 0x52583605, ghost_file_entry),
		.extra = ghost_bytes, .nested = &ghost_chunk_entry__descriptor,
		.n_nested = n_chunks, .nested_extra = chunk_bytes },
	[IMAGE_MEMFD] = { ENTRIES("memfd.img", "MEMFD_INODE", 0x48453499, memfd_inode_entry) },
	[IMAGE_TTY_INFO] = { ENTRIES("tty-info.img", "TTY_INFO", 0x59453036, tty_info_entry) },
	[IMAGE_TTY_DATA] = { ENTRIES("tty-data.img", "TTY_DATA", 0x59413026, tty_data_entry) },
	[IMAGE_FILELOCKS] = { ENTRIES("filelocks.img", "FILE_LOCKS", 0x54323616, file_lock_entry) },
	[IMAGE_SECCOMP] = { ENTRIES("seccomp.img", "SECCOMP", 0x64413049, seccomp_entry) },
	[IMAGE_CGROUP] = { ENTRIES("cgroup.img", "CGROUP", 0x59383330, cgroup_entry) },
	[IMAGE_APPARMOR] = { ENTRIES("apparmor.img", "APPARMOR", 0x59423047, apparmor_entry) },
	[IMAGE_BPFMAP_DATA] = {
		ENTRIES("bpfmap-data.img", "BPFMAP_DATA", 0x64324033, bpfmap_data_entry),
		.extra = bpfmap_bytes },
	[IMAGE_CPUINFO] = { ENTRIES("cpuinfo.img", "CPUINFO", 0x61404013, cpuinfo_entry) },
	[IMAGE_UTSNS] = { ENTRIES("utsns-%llu.img", "UTSNS", 0x54473203, utsns_entry) },
	[IMAGE_IPCNS_VAR] = { ENTRIES("ipcns-var-%llu.img", "IPC_VAR", 0x53115007, ipc_var_entry) },
	[IMAGE_IPCNS_SHM] = { ENTRIES("ipcns-shm-%llu.img", "IPCNS_SHM", 0x46283044, ipc_shm_entry),
		.extra = shm_bytes },
	[IMAGE_IPCNS_MSG] = { ENTRIES("ipcns-msg-%llu.img", "IPCNS_MSG", 0x55453737, ipc_msg_entry),
		.nested = &ipc_msg__descriptor, .n_nested = n_messages,
		.nested_extra = message_bytes },
	[IMAGE_IPCNS_SEM] = { ENTRIES("ipcns-sem-%llu.img", "IPCNS_SEM", 0x59573019, ipc_sem_entry),
		.extra = sem_bytes },
	[IMAGE_MOUNTPOINTS] = { ENTRIES("mountpoints-%llu.img", "MNTS", 0x55563928, mnt_entry) },
	[IMAGE_NETDEV] = { ENTRIES("netdev-%llu.img", "NETDEV", 0x57373951, net_device_entry) },
	[IMAGE_NETNS] = { ENTRIES("netns-%llu.img", "NETNS", 0x55933752, netns_entry) },
	[IMAGE_USERNS] = { ENTRIES("userns-%llu.img", "USERNS", 0x55474906, userns_entry) },
	[IMAGE_PIDNS] = { ENTRIES("pidns-%llu.img", "PIDNS", 0x61157326, pidns_entry) },
	[IMAGE_TIMENS] = { ENTRIES("timens-%llu.img", "TIMENS", 0x43114433, timens_entry) },
	[IMAGE_AUTOFS] = { ENTRIES("autofs-%llu.img", "AUTOFS", 0x49353943, autofs_entry) },
	[IMAGE_BINFMT_MISC] = {
		ENTRIES("binfmt-misc.img", "BINFMT_MISC", 0x67343323, binfmt_misc_entry),
	},
	[IMAGE_STATS_DUMP] = { SERVICE("stats-dump", "STATS", 0x57093306, stats_entry) },
	[IMAGE_STATS_RESTORE] = { SERVICE("stats-restore", "STATS", 0x57093306, stats_entry) },
	[IMAGE_IRMAP_CACHE] = {
		SERVICE("irmap-cache", "IRMAP_CACHE", 0x57004059, irmap_cache_entry),
	},

	[IMAGE_IFADDR] = { RAW("ifaddr-%llu.img") },
	[IMAGE_ROUTE] = { RAW("route-%llu.img") },
	[IMAGE_ROUTE6] = { RAW("route6-%llu.img") },
	[IMAGE_RULE] = { RAW("rule-%llu.img") },
	[IMAGE_IPTABLES] = { RAW("iptables-%llu.img") },
	[IMAGE_IP6TABLES] = { RAW("ip6tables-%llu.img") },
	[IMAGE_NFTABLES] = { RAW("nftables-%llu.img") },
	[IMAGE_NETNS_CT] = { RAW("netns-ct-%llu.img") },
	[IMAGE_NETNS_EXP] = { RAW("netns-exp-%llu.img") },
	[IMAGE_TMPFS_DEV] = { RAW("tmpfs-dev-%llu.tar.gz.img") },
	[IMAGE_TMPFS] = { RAW("tmpfs-%llu.tar.gz.img") },

	[IMAGE_REG_FILES] = { ENTRIES("reg-files.img", "REG_FILES", 0x50363636, reg_file_entry) },
	[IMAGE_EXT_FILES] = { ENTRIES("ext-files.img", "EXT_FILES", 0x59255641, ext_file_entry) },
	[IMAGE_NS_FILES] = { ENTRIES("ns-files.img", "NS_FILES", 0x61394011, ns_file_entry) },
	[IMAGE_EVENTFD] = {
		ENTRIES("eventfd.img", "EVENTFD_FILE", 0x44523722, eventfd_file_entry),
	},
	[IMAGE_EVENTPOLL] = {
		ENTRIES("eventpoll.img", "EVENTPOLL_FILE", 0x45023858, eventpoll_file_entry),
	},
	[IMAGE_EVENTPOLL_TFD] = {
		ENTRIES("eventpoll-tfd.img", "EVENTPOLL_TFD", 0x44433746, eventpoll_tfd_entry),
	},
	[IMAGE_SIGNALFD] = { ENTRIES("signalfd.img", "SIGNALFD", 0x57323820, signalfd_entry) },
	[IMAGE_TIMERFD] = { ENTRIES("timerfd.img", "TIMERFD", 0x50493712, timerfd_entry) },
	[IMAGE_INOTIFY] = {
		ENTRIES("inotify.img", "INOTIFY_FILE", 0x48424431, inotify_file_entry),
	},
	[IMAGE_INOTIFY_WD] = {
		ENTRIES("inotify-wd.img", "INOTIFY_WD", 0x54562009, inotify_wd_entry),
	},
	[IMAGE_FANOTIFY] = {
		ENTRIES("fanotify.img", "FANOTIFY_FILE", 0x55096122, fanotify_file_entry),
	},
	[IMAGE_FANOTIFY_MARK] = {
		ENTRIES("fanotify-mark.img", "FANOTIFY_MARK", 0x56506035, fanotify_mark_entry),
	},
	[IMAGE_PIPES] = { ENTRIES("pipes.img", "PIPES", 0x56513555, pipe_entry) },
	[IMAGE_FIFO] = { ENTRIES("fifo.img", "FIFO", 0x58364939, fifo_entry) },
	[IMAGE_UNIXSK] = { ENTRIES("unixsk.img", "UNIXSK", 0x54373943, unix_sk_entry) },
	[IMAGE_INETSK] = { ENTRIES("inetsk.img", "INETSK", 0x56443851, inet_sk_entry) },
	[IMAGE_PACKETSK] = { ENTRIES("packetsk.img", "PACKETSK", 0x60454618, packet_sock_entry) },
	[IMAGE_NETLINKSK] = { ENTRIES("netlinksk.img", "NETLINK_SK", 0x58005614, netlink_sk_entry),
	},
	[IMAGE_TTY] = { ENTRIES("tty.img", "TTY_FILES", 0x59433025, tty_file_entry) },
	[IMAGE_TUNFILE] = { ENTRIES("tunfile.img", "TUNFILE", 0x57143751, tunfile_entry) },
	[IMAGE_PIDFD] = { ENTRIES("pidfd.img", "PIDFD", 0x54435556, pidfd_entry) },
	[IMAGE_BPFMAP_FILE] = {
		ENTRIES("bpfmap-file.img", "BPFMAP_FILE", 0x57506142, bpfmap_file_entry),
	},
	[IMAGE_VMAS] = { ENTRIES("vmas-%llu.img", "VMAS", 0x54123737, vma_entry) },
	[IMAGE_SIGACTS] = { ENTRIES("sigacts-%llu.img", "SIGACT", 0x55344201, sa_entry) },
	[IMAGE_CREDS] = { ENTRIES("creds-%llu.img", "CREDS", 0x54023547, creds_entry) },
	[IMAGE_ITIMERS] = { ENTRIES("itimers-%llu.img", "ITIMERS", 0x57464056, itimer_entry) },
	[IMAGE_POSIX_TIMERS] = {
		ENTRIES("posix-timers-%llu.img", "POSIX_TIMERS", 0x52603957, posix_timer_entry),
	},
	[IMAGE_RLIMIT] = { ENTRIES("rlimit-%llu.img", "RLIMIT", 0x57113925, rlimit_entry) },
	[IMAGE_SIGNAL_S] = { ENTRIES("signal-s-%llu.img", "SIGNAL", 0x59255647, siginfo_entry) },
	[IMAGE_SIGNAL_P] = { ENTRIES("signal-p-%llu.img", "SIGNAL", 0x59255647, siginfo_entry) },
	[IMAGE_BINFMT_MISC_DEV] = {
		ENTRIES("binfmt-misc-%llu.img", "BINFMT_MISC", 0x67343323, binfmt_misc_entry),
	},
	[IMAGE_PAGES_SHMEM] = { RAW("pages-shmem-%llu.img") },

	[IMAGE_MEMORY_TAGS] = {
		ENTRIES("memory-tags-%llu.img", "MEMORY_TAGS", 0x63526254, memory_tags_entry),
	},
};
/* clang-format on */

const struct image_info *image_info(enum image_type type)
{
	return &infos[type];
}

void image_name(char name[static IMAGE_NAME_MAX], enum image_type type, unsigned long long number)
{
	snprintf(name, IMAGE_NAME_MAX, infos[type].format, number);
}

/* Is @name what @type would be called with the number that stands in it? */
static bool name_matches(const char *name, enum image_type type, unsigned long long *ret_number)
{
	const char *format = infos[type].format;
	const char *percent = strchr(format, '%');
	char again[IMAGE_NAME_MAX];
	unsigned long long number;

	if (!percent) {
		*ret_number = 0;
		return !strcmp(name, format);
	}
	if (strncmp(name, format, (size_t)(percent - format)) || sscanf(name, format, &number) != 1)
		return false;
	image_name(again, type, number);
	*ret_number = number;
	return !strcmp(name, again);
}

bool image_parse_name(const char *name, enum image_type *ret_type, unsigned long long *ret_number)
{
	unsigned long long number;

	for (enum image_type type = 0; type < IMAGE_TYPES; type++) {
		if (!name_matches(name, type, &number))
			continue;
		*ret_type = type;
		*ret_number = number;
		return true;
	}
	return false;
}
