// SPDX-License-Identifier: GPL-2.0-only
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

int fail(struct error *err, int errnum, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int code = errnum ? -abs(errnum) : -EINVAL;

	if (!err || err->code)
		return code;
	err->code = code;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return code;

	if (!errnum)
		err->text = take_ptr(text);
	else if (asprintf(&err->text, "%s: %s", text, strerror(-code)) < 0)
		err->text = take_ptr(text);
	return code;
}

int fail_in(struct error *err, const char *fmt, ...)
{
	_cleanup_free_ char *where = NULL;
	va_list ap;
	char *text;

	if (!err || !err->code)
		return -EINVAL;

	va_start(ap, fmt);
	if (vasprintf(&where, fmt, ap) < 0)
		where = NULL;
	va_end(ap);

	if (where && asprintf(&text, "%s: %s", where, err->text ?: strerror(-err->code)) >= 0) {
		free(err->text);
		err->text = text;
	}
	return err->code;
}

int fail_hint(struct error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err || !err->code)
		return -EINVAL;
	if (err->hint)
		return err->code;

	va_start(ap, fmt);
	if (vasprintf(&err->hint, fmt, ap) < 0)
		err->hint = NULL;
	va_end(ap);
	return err->code;
}

void error_deinit(struct error *err)
{
	free(err->text);
	free(err->hint);
	memset(err, 0, sizeof(*err));
}
