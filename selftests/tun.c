// SPDX-License-Identifier: GPL-2.0-only
/* /dev/net/tun without an interface: one can be attached afterwards. */
#include "subject.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

int main(void)
{
	struct ifreq request = {.ifr_name = "crbpf%d", .ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	char byte;

	/* The probe's interface ends with its description. */
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		subject_skip("needs /dev/net/tun: %s", strerror(errno));
	close(fd);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	strcpy(request.ifr_name, "crbpf%d");
	subject_ready();
	subject_wait_restored();
	subject_check(read(fd, &byte, 1) < 0 && errno == EBADFD, "it has an interface: %m");
	subject_check(fcntl(fd, F_GETFL) & O_NONBLOCK, "O_NONBLOCK is lost");
	subject_check(ioctl(fd, TUNSETIFF, &request) == 0, "TUNSETIFF: %m");
	subject_check(read(fd, &byte, 1) < 0 && errno == EAGAIN, "with an interface: %m");
	return subject_end();
}
