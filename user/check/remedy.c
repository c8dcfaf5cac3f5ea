// SPDX-License-Identifier: GPL-2.0-only
/* What to do about it, in the words of the distribution. */
#include <string.h>

#include "check/check.h"

/* The package with a Raspberry Pi's kernel: the release tells the flavour, 6.12.25+rpt-rpi-2712. */
static const char *raspberry_kernel(struct check *c)
{
	const char *flavour = strstr(c->distro.release, "-rpi-");

	if (flavour)
		return arena_printf(&c->arena, "linux-image%s", flavour);
	return !strcmp(c->distro.machine, "aarch64") ? "linux-image-rpi-v8" : "linux-image-rpi-v7";
}

static const char *debian_kernel(struct check *c)
{
	const char *machine = c->distro.machine;

	if (c->distro.is_raspberry)
		return raspberry_kernel(c);
	if (c->distro.is_ubuntu)
		return arena_printf(&c->arena, "linux-generic-hwe-%s", c->distro.version);
	return !strcmp(machine, "x86_64")  ? "linux-image-amd64" :
	       !strcmp(machine, "aarch64") ? "linux-image-arm64" :
					     arena_printf(&c->arena, "linux-image-%s", machine);
}

/* "CONFIG_X, Linux 6.7 or later" */
static const char *which_kernel(struct check *c, const struct probe *p)
{
	if (p->option && p->since)
		return arena_printf(&c->arena, "%s, Linux %s or later", p->option, p->since);
	if (p->option)
		return p->option;
	return p->since ? arena_printf(&c->arena, "Linux %s or later", p->since) : NULL;
}

static const char *kernel_command(struct check *c, const struct probe *p)
{
	const struct distro *d = &c->distro;

	switch (d->tool) {
	case TOOL_RPM_OSTREE:
		return "rpm-ostree upgrade && systemctl reboot";
	case TOOL_DNF:
		return "dnf upgrade kernel && systemctl reboot";
	case TOOL_APT:
		if (p->since && !strcmp(d->id, "debian") && !d->is_raspberry && *d->codename)
			return arena_printf(&c->arena,
					    "apt install -t %s-backports %s && systemctl reboot",
					    d->codename, debian_kernel(c));
		return arena_printf(&c->arena, "apt install %s && systemctl reboot",
				    debian_kernel(c));
	default:
		return NULL;
	}
}

static const char *module_command(struct check *c)
{
	switch (c->distro.tool) {
	case TOOL_RPM_OSTREE:
		return "rpm-ostree install kernel-modules-extra && systemctl reboot";
	case TOOL_DNF:
		return "dnf install kernel-modules kernel-modules-extra && systemctl reboot";
	case TOOL_APT:
		if (c->distro.is_ubuntu)
			return arena_printf(&c->arena, "apt install linux-modules-extra-%s",
					    c->distro.release);
		return arena_printf(&c->arena, "apt install %s && systemctl reboot",
				    debian_kernel(c));
	default:
		return NULL;
	}
}

static const char *kernel_text(struct check *c, const struct probe *p, const char *command)
{
	const char *which = which_kernel(c, p);

	if (!command)
		return which ? arena_printf(&c->arena, "a kernel with %s", which) : NULL;
	return which ? arena_printf(&c->arena, "%s (for %s)", command, which) : command;
}

static const char *boot_text(struct check *c, const char *parameter)
{
	const struct distro *d = &c->distro;

	if (d->tool == TOOL_RPM_OSTREE)
		return arena_printf(&c->arena, "rpm-ostree kargs --append=%s && systemctl reboot",
				    parameter);
	if (d->tool == TOOL_DNF)
		return arena_printf(&c->arena,
				    "grubby --update-kernel=ALL --args=%s && systemctl reboot",
				    parameter);
	if (d->is_raspberry)
		return arena_printf(&c->arena, "add %s to /boot/firmware/cmdline.txt and reboot",
				    parameter);
	if (d->tool == TOOL_APT)
		return arena_printf(&c->arena,
				    "add %s to GRUB_CMDLINE_LINUX in /etc/default/grub, then "
				    "update-grub && systemctl reboot",
				    parameter);
	return arena_printf(&c->arena, "start the kernel with the parameter %s", parameter);
}

/* @p->option is the capability. */
static const char *caller_text(struct check *c, const struct probe *p)
{
	return p->option ? arena_printf(&c->arena, "run as root, or with %s", p->option) :
			   "run as root";
}

const char *remedy_text(struct check *c, const struct probe *p, const struct answer *a)
{
	if (*a->advice)
		return a->advice;
	if (a->state != ANSWER_NO)
		return NULL;
	switch (p->remedy) {
	case REMEDY_NONE:
		break;
	case REMEDY_KERNEL:
		return kernel_text(c, p, kernel_command(c, p));
	case REMEDY_MODULE:
		return kernel_text(c, p, module_command(c));
	case REMEDY_CALLER:
		return caller_text(c, p);
	case REMEDY_BOOT:
		return boot_text(c, p->advice);
	case REMEDY_ADVICE:
		return p->advice;
	}
	return NULL;
}
