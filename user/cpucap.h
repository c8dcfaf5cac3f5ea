/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CPUCAP_H
#define CRBPF_CPUCAP_H

/*
 * The processor that programs have seen, cpuinfo.img: written by a dump, asked for by a
 * restore, and by the command cpuinfo alone.
 */

struct error;
struct image_dir;

/*
 * Reads the value of --cpu-cap into *@caps (CPU_CAP_*, arch.h), which holds the default:
 * "fpu", "cpu", "ins" and "image", parted by commas, are added, with "^" before them
 * taken away; "all" and "none" set. NULL: "all". Returns 0 or -EINVAL.
 */
int cpucap_parse(const char *value, unsigned int *caps);

/* Writes what this processor is. 0 or -errno. */
int cpucap_write(struct image_dir *dir, struct error *err);

/*
 * Compares what the images in @dir say with this processor, by @caps. Images without it
 * are good, unless CPU_CAP_IMAGE demands it. 0; or -errno with all that is missing.
 */
int cpucap_check(struct image_dir *dir, unsigned int caps, struct error *err);

#endif
