// SPDX-License-Identifier: GPL-2.0-only
#include "lib/bootid.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/cleanup.h"

int boot_id(char id[static BOOT_ID_SIZE])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, BOOT_ID_SIZE - 1);

	id[n == BOOT_ID_SIZE - 1 ? n : 0] = '\0';
	return n < 0 ? -errno : n == BOOT_ID_SIZE - 1 ? 0 : -EIO;
}
