// SPDX-License-Identifier: GPL-2.0-only
#include "image/hints.h"

#include <stddef.h>
#include <string.h>

#include "bpfmap-file.pb-c.h"
#include "core.pb-c.h"
#include "core-aarch64.pb-c.h"
#include "core-x86.pb-c.h"
#include "fh.pb-c.h"
#include "fsnotify.pb-c.h"
#include "ghost-file.pb-c.h"
#include "memfd.pb-c.h"
#include "mm.pb-c.h"
#include "mnt.pb-c.h"
#include "netdev.pb-c.h"
#include "packet-sock.pb-c.h"
#include "pagemap.pb-c.h"
#include "pipe.pb-c.h"
#include "regfile.pb-c.h"
#include "sa.pb-c.h"
#include "signalfd.pb-c.h"
#include "sit.pb-c.h"
#include "sk-inet.pb-c.h"
#include "sk-netlink.pb-c.h"
#include "sk-unix.pb-c.h"
#include "tcp-stream.pb-c.h"
#include "timerfd.pb-c.h"
#include "tty.pb-c.h"
#include "tun.pb-c.h"
#include "vma.pb-c.h"

/* clang-format off */
static const struct hint_name mmap_prot[] = {
	{ 0x1, "PROT_READ" },
	{ 0x2, "PROT_WRITE" },
	{ 0x4, "PROT_EXEC" },
	{ 0, NULL },
};

static const struct hint_name mmap_flags[] = {
	{ 0x1, "MAP_SHARED" },
	{ 0x2, "MAP_PRIVATE" },
	{ 0x20, "MAP_ANON" },
	{ 0x100, "MAP_GROWSDOWN" },
	{ 0, NULL },
};

static const struct hint_name vma_status[] = {
	{ 1 << 0, "VMA_AREA_REGULAR" },
	{ 1 << 1, "VMA_AREA_STACK" },
	{ 1 << 2, "VMA_AREA_VSYSCALL" },
	{ 1 << 3, "VMA_AREA_VDSO" },
	{ 1 << 5, "VMA_AREA_HEAP" },
	{ 1 << 6, "VMA_FILE_PRIVATE" },
	{ 1 << 7, "VMA_FILE_SHARED" },
	{ 1 << 8, "VMA_ANON_SHARED" },
	{ 1 << 9, "VMA_ANON_PRIVATE" },
	{ 1 << 10, "VMA_AREA_SYSVIPC" },
	{ 1 << 11, "VMA_AREA_SOCKET" },
	{ 1 << 12, "VMA_AREA_VVAR" },
	{ 1 << 13, "VMA_AREA_AIORING" },
	{ 1 << 14, "VMA_AREA_MEMFD" },
	{ 1 << 15, "VMA_AREA_SHSTK" },
	{ 1u << 31, "VMA_UNSUPP" },
	{ 0, NULL },
};

/* The numbers are x86's on every architecture, as in crit. */
static const struct hint_name open_flags[] = {
	{ 01, "O_WRONLY" },
	{ 02, "O_RDWR" },
	{ 0100, "O_CREAT" },
	{ 0200, "O_EXCL" },
	{ 0400, "O_NOCTTY" },
	{ 01000, "O_TRUNC" },
	{ 02000, "O_APPEND" },
	{ 04000, "O_NONBLOCK" },
	{ 010000, "O_DSYNC" },
	{ 020000, "FASYNC" },
	{ 040000, "O_DIRECT" },
	{ 0100000, "O_LARGEFILE" },
	{ 0200000, "O_DIRECTORY" },
	{ 0400000, "O_NOFOLLOW" },
	{ 01000000, "O_NOATIME" },
	{ 02000000, "O_CLOEXEC" },
	{ 0, NULL },
};

static const struct hint_name seals[] = {
	{ 0x1, "F_SEAL_SEAL" },
	{ 0x2, "F_SEAL_SHRINK" },
	{ 0x4, "F_SEAL_GROW" },
	{ 0x8, "F_SEAL_WRITE" },
	{ 0x10, "F_SEAL_FUTURE_WRITE" },
	{ 0, NULL },
};

static const struct hint_name pagemap_flags[] = {
	{ 1 << 0, "PE_PARENT" },
	{ 1 << 1, "PE_LAZY" },
	{ 1 << 2, "PE_PRESENT" },
	{ 0, NULL },
};

/* Two of the three are wrong (2 is a zombie, 3 is stopped), but they are what crit says. */
static const struct hint_name task_states[] = {
	{ 1, "Alive" },
	{ 3, "Zombie" },
	{ 6, "Stopped" },
	{ 0, NULL },
};

static const struct hint_name socket_families[] = {
	{ 1, "UNIX" },
	{ 2, "INET" },
	{ 10, "INET6" },
	{ 16, "NETLINK" },
	{ 17, "PACKET" },
	{ 0, NULL },
};

static const struct hint_name socket_types[] = {
	{ 1, "STREAM" },
	{ 2, "DGRAM" },
	{ 3, "RAW" },
	{ 5, "SEQPACKET" },
	{ 10, "PACKET" },
	{ 0, NULL },
};

static const struct hint_name socket_states[] = {
	{ 1, "ESTABLISHED" },
	{ 2, "SYN_SENT" },
	{ 3, "SYN_RECV" },
	{ 4, "FIN_WAIT1" },
	{ 5, "FIN_WAIT2" },
	{ 6, "TIME_WAIT" },
	{ 7, "CLOSE" },
	{ 8, "CLOSE_WAIT" },
	{ 9, "LAST_ACK" },
	{ 10, "LISTEN" },
	{ 0, NULL },
};

static const struct hint_name socket_protocols[] = {
	{ 0, "IP" },
	{ 6, "TCP" },
	{ 17, "UDP" },
	{ 136, "UDPLITE" },
	{ 0, NULL },
};

static const struct hint hints[] = {
	{ &bpfmap_file_entry__descriptor, "flags", HINT_FLAGS, open_flags },
	{ &thread_info_aarch64__descriptor, "clear_tid_addr", HINT_HEX, NULL },
	{ &thread_info_aarch64__descriptor, "gpregs", HINT_HEX, NULL },
	{ &user_x86_cet_entry__descriptor, "cet", HINT_HEX, NULL },
	{ &user_x86_cet_entry__descriptor, "ssp", HINT_HEX, NULL },
	{ &thread_info_x86__descriptor, "clear_tid_addr", HINT_HEX, NULL },
	{ &thread_info_x86__descriptor, "gpregs", HINT_HEX, NULL },
	{ &task_core_entry__descriptor, "task_state", HINT_VALUES, task_states },
	{ &task_core_entry__descriptor, "blk_sigset", HINT_HEX, NULL },
	{ &task_core_entry__descriptor, "blk_sigset_extended", HINT_HEX, NULL },
	{ &task_core_entry__descriptor, "membarrier_registration_mask", HINT_HEX, NULL },
	{ &irmap_cache_entry__descriptor, "dev", HINT_OLD_DEV, NULL },
	{ &inotify_wd_entry__descriptor, "mask", HINT_HEX, NULL },
	{ &inotify_wd_entry__descriptor, "ignored_mask", HINT_HEX, NULL },
	{ &inotify_wd_entry__descriptor, "s_dev", HINT_DEV, NULL },
	{ &inotify_file_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &fanotify_mark_entry__descriptor, "mflags", HINT_HEX, NULL },
	{ &fanotify_mark_entry__descriptor, "mask", HINT_HEX, NULL },
	{ &fanotify_mark_entry__descriptor, "ignored_mask", HINT_HEX, NULL },
	{ &fanotify_mark_entry__descriptor, "s_dev", HINT_DEV, NULL },
	{ &fanotify_file_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &fanotify_file_entry__descriptor, "faflags", HINT_HEX, NULL },
	{ &fanotify_file_entry__descriptor, "evflags", HINT_HEX, NULL },
	{ &ghost_file_entry__descriptor, "dev", HINT_DEV, NULL },
	{ &ghost_file_entry__descriptor, "rdev", HINT_OLD_DEV, NULL },
	{ &memfd_file_entry__descriptor, "flags", HINT_FLAGS, open_flags },
	{ &memfd_inode_entry__descriptor, "seals", HINT_FLAGS, seals },
	{ &mm_entry__descriptor, "mm_start_code", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_end_code", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_start_data", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_end_data", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_start_stack", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_start_brk", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_brk", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_arg_start", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_arg_end", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_env_start", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "mm_env_end", HINT_HEX, NULL },
	{ &mnt_entry__descriptor, "root_dev", HINT_DEV, NULL },
	{ &mnt_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &mnt_entry__descriptor, "sb_flags", HINT_HEX, NULL },
	{ &net_device_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &packet_sock_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &pagemap_entry__descriptor, "vaddr", HINT_HEX, NULL },
	{ &pagemap_entry__descriptor, "flags", HINT_FLAGS, pagemap_flags },
	{ &pipe_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &reg_file_entry__descriptor, "flags", HINT_FLAGS, open_flags },
	{ &sa_entry__descriptor, "sigaction", HINT_HEX, NULL },
	{ &sa_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &sa_entry__descriptor, "restorer", HINT_HEX, NULL },
	{ &sa_entry__descriptor, "mask", HINT_HEX, NULL },
	{ &sa_entry__descriptor, "mask_extended", HINT_HEX, NULL },
	{ &signalfd_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &signalfd_entry__descriptor, "sigmask", HINT_HEX, NULL },
	{ &sit_entry__descriptor, "local", HINT_ADDRESS, NULL },
	{ &sit_entry__descriptor, "remote", HINT_ADDRESS, NULL },
	{ &sit_entry__descriptor, "rd_prefix", HINT_ADDRESS, NULL },
	{ &sit_entry__descriptor, "relay_prefix", HINT_ADDRESS, NULL },
	{ &inet_sk_entry__descriptor, "family", HINT_VALUES, socket_families },
	{ &inet_sk_entry__descriptor, "type", HINT_VALUES, socket_types },
	{ &inet_sk_entry__descriptor, "proto", HINT_VALUES, socket_protocols },
	{ &inet_sk_entry__descriptor, "state", HINT_VALUES, socket_states },
	{ &inet_sk_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &inet_sk_entry__descriptor, "src_addr", HINT_ADDRESS, NULL },
	{ &inet_sk_entry__descriptor, "dst_addr", HINT_ADDRESS, NULL },
	{ &netlink_sk_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &unix_sk_entry__descriptor, "type", HINT_VALUES, socket_types },
	{ &unix_sk_entry__descriptor, "state", HINT_VALUES, socket_states },
	{ &unix_sk_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &unix_sk_entry__descriptor, "uflags", HINT_HEX, NULL },
	{ &unix_sk_entry__descriptor, "name", HINT_QUOTED, NULL },
	{ &tcp_stream_entry__descriptor, "opt_mask", HINT_HEX, NULL },
	{ &timerfd_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &timerfd_entry__descriptor, "settime_flags", HINT_HEX, NULL },
	{ &tty_file_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &tun_link_entry__descriptor, "flags", HINT_HEX, NULL },
	{ &vma_entry__descriptor, "start", HINT_HEX, NULL },
	{ &vma_entry__descriptor, "end", HINT_HEX, NULL },
	{ &vma_entry__descriptor, "prot", HINT_FLAGS, mmap_prot },
	{ &vma_entry__descriptor, "flags", HINT_FLAGS, mmap_flags },
	{ &vma_entry__descriptor, "status", HINT_FLAGS, vma_status },
	{ &vma_entry__descriptor, "madv", HINT_HEX, NULL },
	{ &vma_entry__descriptor, "fdflags", HINT_HEX, NULL },

	/* ours */
	{ &restart_entry__descriptor, "rmtp", HINT_HEX, NULL },
	{ &restart_entry__descriptor, "futex_uaddr", HINT_HEX, NULL },
	{ &restart_entry__descriptor, "futex_flags", HINT_HEX, NULL },
	{ &restart_entry__descriptor, "futex_bitset", HINT_HEX, NULL },
	{ &restart_entry__descriptor, "args", HINT_HEX, NULL },
	{ &thread_core_entry__descriptor, "cpus", HINT_HEX, NULL },
	{ &task_core_entry__descriptor, "personality_value", HINT_HEX, NULL },
	{ &mm_entry__descriptor, "coredump_filter", HINT_HEX, NULL },
	{ &vma_entry__descriptor, "vm_flags", HINT_HEX, NULL },
};
/* clang-format on */

const struct hint *hint_of_field(const ProtobufCMessageDescriptor *message,
				 const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].message == message && !strcmp(hints[i].field, field->name))
			return &hints[i];
	return NULL;
}
