/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SOCKNAMES_H
#define CRBPF_SOCKNAMES_H

/* What the numbers of sockets are called. */

#include <stddef.h>
#include <stdint.h>

/* "ESTABLISHED", "LISTEN" …: of Unix sockets too; those without connections are "UNCONNECTED". */
const char *socket_state_name(uint32_t type, uint32_t state);
/* "stream", "dgram", "seqpacket", "raw"; "unknown" for others. */
const char *socket_type_name(uint32_t type);
/* "tcp", "udp", "mptcp" …, or the number, in @buf. */
const char *socket_protocol_name(uint32_t protocol, char *buf, size_t n);

#endif
