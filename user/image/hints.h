/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_IMAGE_HINTS_H
#define CRBPF_IMAGE_HINTS_H

/*
 * How fields look in JSON, where a plain number would say little. The forms are
 * crit's. protobuf-c drops field options, so the hints are a table here and not
 * in images/.
 */

#include <linux/types.h>
#include <protobuf-c/protobuf-c.h>

enum hint_form {
	HINT_HEX,     /* also all that is below a message */
	HINT_ADDRESS, /* a list of words that is an IP address */
	HINT_FLAGS,   /* names joined by " | ", the rest in hex */
	HINT_VALUES,  /* one name, or the number */
	HINT_DEV,     /* major:minor as the kernel packs them */
	HINT_OLD_DEV, /* major:minor as libc does */
	HINT_QUOTED,  /* bytes as quoted-printable */
};

/* Names of bits or of values; NULL ends. */
struct hint_name {
	__u64 value;
	const char *name;
};

struct hint {
	const ProtobufCMessageDescriptor *message;
	const char *field;
	enum hint_form form;
	const struct hint_name *names;
};

/* NULL if the field needs none. */
const struct hint *hint_of_field(const ProtobufCMessageDescriptor *message,
				 const ProtobufCFieldDescriptor *field);

#endif
