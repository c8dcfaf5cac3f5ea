# SPDX-License-Identifier: GPL-2.0-only
"""A VNC client: as much of RFB 3.8 (RFC 6143) as it takes to look at a screen and to type."""

import socket
import struct

RETURN = 0xff0d


class Client:
    def __init__(self, address, seconds):
        """@address: (host, port), or the path of a Unix socket. OSError if nobody is there."""
        self.sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.sock.settimeout(seconds)
        try:
            self.sock.connect(address)
            self.shake_hands()
        except OSError:
            self.close()
            raise

    def read(self, n):
        data = b''
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise ConnectionError(f'the server hangs up; {len(data)} of {n} bytes')
            data += part
        return data

    def take(self, layout):
        return struct.unpack('>' + layout, self.read(struct.calcsize('>' + layout)))

    def shake_hands(self):
        if self.read(12) != b'RFB 003.008\n':
            raise ConnectionError('the server speaks another version')
        self.sock.sendall(b'RFB 003.008\n')
        if 1 not in self.read(*self.take('B')):
            raise ConnectionError('the server wants a password')
        self.sock.sendall(b'\1')                            # no security
        if self.take('I') != (0,):
            raise ConnectionError('the server refuses')
        self.sock.sendall(b'\1')                            # shared with others
        self.width, self.height, bits, *_, length = self.take('HHBBBBHHHBBBxxxI')
        self.name, self.bytes = self.read(length).decode(), bits // 8
        self.sock.sendall(struct.pack('>BxHi', 2, 1, 0))    # encodings: raw

    def picture(self):
        """All pixels, line by line."""
        self.sock.sendall(struct.pack('>BBHHHH', 3, 0, 0, 0, self.width, self.height))
        lines = bytearray(self.width * self.height * self.bytes)
        seen = 0
        while seen < self.width * self.height:
            for _ in range(self.rectangles()):
                x, y, width, height, encoding = self.take('HHHHi')
                if encoding:
                    raise ConnectionError(f'encoding {encoding} was not asked for')
                for line in range(y, y + height):
                    at = (line * self.width + x) * self.bytes
                    lines[at:at + width * self.bytes] = self.read(width * self.bytes)
                seen += width * height
        return bytes(lines)

    def rectangles(self):
        """How many come with the next update; what else the server says is passed over."""
        while True:
            kind, = self.take('B')
            if kind == 0:
                return self.take('xH')[0]
            if kind == 3:                                   # cut text
                self.read(*self.take('xxxI'))
            elif kind != 2:                                 # a bell
                raise ConnectionError(f'message {kind} was not asked for')

    def point(self, x, y):
        self.sock.sendall(struct.pack('>BBHH', 5, 0, x, y))

    def type(self, text):
        for key in [*map(ord, text), RETURN]:
            for down in 1, 0:
                self.sock.sendall(struct.pack('>BBxxI', 4, down, key))

    def leave(self):
        """Returns when the server has closed its end, too."""
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.recv(65536):
            pass
        self.close()

    def close(self):
        self.sock.close()
