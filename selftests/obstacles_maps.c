// SPDX-License-Identifier: GPL-2.0-only
/* Mappings that cannot be carried; the descriptors behind them are closed. Run by cases/refusals.py. */
#include "obstacles.h"

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* Maps a page of @fd, and says where. */
static int map(int fd, off_t offset, int prot)
{
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sysconf(_SC_PAGESIZE), prot, MAP_SHARED, fd, offset);

	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		return -1;
	subject_say("mapped", "%lx", (unsigned long)at);
	return 0;
}

static int make_map_device(void)
{
	if (mknod("mem", S_IFCHR | 0600, makedev(1, 1)))
		return -1;
	return map(open("mem", O_RDONLY), 0, PROT_READ);
}

static int make_map_perf(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr)};

	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	return map(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), 0, PROT_READ);
}

static int make_map_io_uring(void)
{
	struct io_uring_params params = {};

	return map(syscall(SYS_io_uring_setup, 4, &params), IORING_OFF_SQ_RING, PROT_READ);
}

static int make_map_bpf(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};

	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	attr.map_flags = BPF_F_MMAPABLE;
	return map(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)), 0, PROT_READ);
}

static int make_map_packets(void)
{
	const int page = sysconf(_SC_PAGESIZE);
	struct tpacket_req req = {.tp_block_size = page, .tp_block_nr = 1, .tp_frame_size = page,
				  .tp_frame_nr = 1};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		return -1;
	return map(fd, 0, PROT_READ | PROT_WRITE);
}

static int make_map_secret(void)
{
	int fd = syscall(SYS_memfd_secret, 0);

	return fd < 0 || ftruncate(fd, 65536) ? -1 : map(fd, 0, PROT_READ | PROT_WRITE);
}

/* Shared memory with tags, which no other processor takes for a protection. */
static int make_map_tags(void)
{
	const int prot_tags = 0x20; /* PROT_MTE */
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mprotect(p, 65536, PROT_READ | PROT_WRITE | prot_tags);
}

static int make_map_kvm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, _IO(0xAE, 0x01), 0UL), cpu = ioctl(vm, _IO(0xAE, 0x41), 0UL);

	close(kvm);
	close(vm);
	return map(cpu, 0, PROT_READ);
}

/* Faults of this memory go to a program that reads them: here this one. */
static int make_map_userfaults(void)
{
	int fd = syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
	struct uffdio_api api = {.api = UFFD_API};
	void *at = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = {{(unsigned long)at, 65536}, UFFDIO_REGISTER_MODE_MISSING, 0};

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return -1;
	subject_say("mapped", "%lx", (unsigned long)at);
	return fd;
}

static const struct obstacle obstacles[] = {
	{"map_device", make_map_device},
	{"map_perf", make_map_perf},
	{"map_io_uring", make_map_io_uring},
	{"map_bpf", make_map_bpf},
	{"map_packets", make_map_packets},
	{"map_secret", make_map_secret},
	{"map_kvm", make_map_kvm},
	{"map_userfaults", make_map_userfaults},
	{"map_tags", make_map_tags},
};

int main(int argc, char **argv)
{
	return obstacles_main(obstacles, sizeof(obstacles) / sizeof(obstacles[0]), argc, argv);
}
