"""What OpenSSL is given at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from mailframe.tls.client import ClientContexts
from mailframe.tls.pieces import PIECE
from mailframe.tls.policies import ClientPolicy, Level

from .authorities import NAME
from .test_context import ContextCase

binding: Any = SSL._lib  # type: ignore[attr-defined]


def held(end: Any) -> int:
    """Octets that arrived and lie before OpenSSL."""
    place = SSL._ffi.new("char **")  # type: ignore[attr-defined]
    return int(binding.BIO_get_mem_data(end._into_ssl, place))


class PiecesTests(ContextCase):
    """However much arrives, little of it is in OpenSSL's memory."""

    def setUp(self) -> None:
        self.context = self.server()
        self.contexts = ClientContexts()

    def ends(self) -> tuple[Any, Any]:
        """Two ends that know nothing of each other yet."""
        creator: Any = self.contexts.creator(ClientPolicy(Level.ENCRYPT), NAME)
        return creator.clientConnectionForTLS(None), self.context.serverConnectionForTLS(None)

    def pair(self) -> tuple[Any, Any]:
        """Two ends that have shaken hands."""
        client, server = self.ends()
        for _ in range(3):
            for one, other in ((client, server), (server, client)):
                try:
                    one.do_handshake()
                except SSL.WantReadError:
                    pass
                other.bio_write(self.said(one))
        self.assertEqual((b"", b""), (self.heard(client), self.heard(server)))
        return client, server

    def said(self, end: Any) -> bytes:
        """All that an end wants to send."""
        octets = b""
        try:
            while True:
                octets += end.bio_read(65536)
        except SSL.WantReadError:
            return octets

    def heard(self, end: Any) -> bytes:
        """All that an end can read; the buffer is looked at all the time."""
        octets = b""
        try:
            while True:
                self.assertLessEqual(held(end), PIECE)
                octets += end.recv(32768)
        except SSL.WantReadError:
            self.assertEqual(0, held(end))
            return octets

    def test_much_at_once(self) -> None:
        """A read of any size gives all that was in it, at both ends."""
        content = bytes(range(256)) * 4096
        client, server = self.pair()
        for one, other in ((client, server), (server, client)):
            for begin in range(0, len(content), 16384):
                one.send(content[begin : begin + 16384])
            other.bio_write(self.said(one))
            self.assertEqual(content, self.heard(other))

    @given(
        st.lists(st.integers(1, 70_000), max_size=8), st.lists(st.integers(1, 16384), min_size=1, max_size=12)
    )
    def test_any_segments(self, segments: list[int], records: list[int]) -> None:
        """So does any other way of cutting what is sent, records and reads."""
        client, server = self.pair()
        content = b"".join(bytes([number]) * size for number, size in enumerate(records))
        begin = 0
        for size in records:
            client.send(content[begin : begin + size])
            begin += size
        sealed, heard = self.said(client), b""
        for size in (*segments, len(sealed)):
            server.bio_write(sealed[:size])
            sealed = sealed[size:]
            heard += self.heard(server)
        self.assertEqual(content, heard)

    def test_behind_the_handshake(self) -> None:
        """What comes together with the end of the handshake is not lost."""
        client, server = self.ends()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        server.bio_write(self.said(client))
        self.assertRaises(SSL.WantReadError, server.do_handshake)
        client.bio_write(self.said(server))
        client.do_handshake()
        for _ in range(10):
            client.send(b"x" * 10_000)
        server.bio_write(self.said(client))
        server.do_handshake()
        self.assertEqual(b"x" * 100_000, self.heard(server))

    def test_twice_before_it_is_read(self) -> None:
        """More may come before the first is read."""
        client, server = self.pair()
        for letter in (b"a", b"b", b"c"):
            client.send(letter * 16000)
            client.send(letter * 16000)
            server.bio_write(self.said(client))
        self.assertEqual(b"".join(letter * 32000 for letter in (b"a", b"b", b"c")), self.heard(server))
