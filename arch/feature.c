// SPDX-License-Identifier: GPL-2.0-only
#include "arch/feature.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int feature_add(struct buf *list, const char *fmt, ...)
{
	char text[128];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	if (list->size && buf_add(list, ", ", 2))
		return -ENOMEM;
	return buf_add(list, text, (size_t)n);
}
