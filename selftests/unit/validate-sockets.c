// SPDX-License-Identifier: GPL-2.0-only
/* What an image says of Unix sockets, also of those that no process has. */
#include <sys/socket.h>

#include "checkpoint.h"
#include "sk-opts.pb-c.h"
#include "sk-unix.pb-c.h"

enum { ESTABLISHED = 1, CLOSE = 7 };

struct sockets {
	struct checkpoint c;
	FileEntry entries[2];
	UnixSkEntry usk[2];
	SkOptsEntry opts;
	uint8_t name[4096];
};

/* Descriptor 0 is a socket, its other side is descriptor 1 or nobody's. */
static struct sockets *start_sockets(uint32_t type, uint32_t state, bool both)
{
	struct sockets *s = calloc(1, sizeof(*s));
	struct checkpoint *c = start();

	s->c = *c;
	sk_opts_entry__init(&s->opts);
	memset(s->name, 'x', sizeof(s->name));
	for (uint32_t i = 0; i < 2; i++) {
		UnixSkEntry *usk = &s->usk[i];

		file_entry__init(&s->entries[i]);
		unix_sk_entry__init(usk);
		s->entries[i].type = FD_TYPES__UNIXSK;
		s->entries[i].id = usk->id = 10 + i;
		s->entries[i].usk = usk;
		usk->ino = 100 + i;
		usk->peer = 101 - i;
		usk->type = type;
		usk->state = state;
		usk->fown = &c->fown;
		usk->opts = &s->opts;
		usk->name.data = s->name;
		if (!i || both) {
			s->c.fds[i].id = 10 + i;
			s->c.fds[i].type = FD_TYPES__UNIXSK;
		}
	}
	s->c.extra = s->entries;
	s->c.n_extra = 2;
	return s;
}

TEST(right_pair_is_accepted)
{
	EXPECT_STREQ(judge(&start_sockets(SOCK_STREAM, ESTABLISHED, true)->c), "");
}

TEST(long_name)
{
	struct sockets *s = start_sockets(SOCK_STREAM, ESTABLISHED, true);

	s->usk[1].name.len = sizeof(s->name);
	refused(&s->c, "its name has 4096 bytes");
}

TEST(long_name_of_a_socket_that_nobody_has)
{
	struct sockets *s = start_sockets(SOCK_DGRAM, CLOSE, false);

	s->usk[1].uflags = 1;
	s->usk[1].peer = 0;
	s->usk[1].name.len = 10;
	EXPECT_STREQ(judge(&s->c), "");
	s->usk[1].name.len = sizeof(s->name);
	refused(&s->c, "its name has 4096 bytes");
}

TEST(relative_directory_of_a_socket_that_nobody_has)
{
	struct sockets *s = start_sockets(SOCK_DGRAM, CLOSE, false);

	s->usk[1].name.len = 10;
	s->usk[1].name_dir = "tmp";
	refused(&s->c, "no absolute path");
}

TEST(connected_with_a_socket_that_nobody_has)
{
	refused(&start_sockets(SOCK_STREAM, ESTABLISHED, false)->c, "socket 101, is missing");
}

TEST(connected_with_a_socket_that_is_not_there)
{
	struct sockets *s = start_sockets(SOCK_SEQPACKET, ESTABLISHED, true);

	s->usk[0].peer = 7;
	refused(&s->c, "socket 7, is missing");
}

TEST(connected_with_itself)
{
	struct sockets *s = start_sockets(SOCK_STREAM, ESTABLISHED, true);

	s->usk[0].peer = s->usk[0].ino;
	refused(&s->c, "is not connected with it");
}

TEST(other_side_is_no_socket)
{
	struct sockets *s = start_sockets(SOCK_STREAM, ESTABLISHED, true);

	s->entries[1].usk = NULL;
	refused(&s->c, "socket 101, is missing");
}

TEST(socket_that_nobody_has_says_nothing)
{
	struct sockets *s = start_sockets(SOCK_DGRAM, CLOSE, false);

	s->entries[1].usk = NULL;
	refused(&s->c, "files.img: file 11: it says nothing of a socket");
}
