"""ManageSieve through the front door, with a server that plays a store behind it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.location.values import Host, Store, Transport
from mailframe.message.status import ProtocolError
from mailframe.proxy.sieve_wire import Line, SieveReader, quoted, response

from .farm import ALICE, FarmCase
from .test_imap import Peer

reactor: Any = installed
TOKEN = b64encode(f"\0{ALICE}\0geheim".encode())


class SieveStore(LineReceiver):
    """Lets alice in, and says what scripts she has."""

    def connectionMade(self) -> None:
        self.sendLine(b'"IMPLEMENTATION" "a store"')
        self.sendLine(b'"SASL" "PLAIN"')
        self.sendLine(b"OK {5}")
        self.sendLine(b"hello")

    def lineReceived(self, line: bytes) -> None:
        if line == b'AUTHENTICATE "PLAIN" "%b"' % TOKEN:
            self.sendLine(b'OK "in"')
        elif line == b"LISTSCRIPTS":
            self.sendLine(b'"main" ACTIVE')
            self.sendLine(b"OK")
        else:
            self.sendLine(b'NO (TRYLATER) "later"')


class WireTests(SynchronousTestCase):
    """Lines, strings and literals."""

    @given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 20))
    def test_any_segmentation(self, strings: list[bytes], size: int) -> None:
        """Strings are read as they were written, however they arrive."""
        octets = b" ".join([b"Word", *map(quoted, strings)]) + b"\r\n"
        reader, buffer, found = SieveReader(), ReceiveBuffer(), None
        for start in range(0, len(octets), size):
            buffer.append(octets[start : start + size])
            found = reader.next(buffer) or found
        self.assertEqual(Line("WORD", tuple(strings)), found)

    @given(st.binary(max_size=200))
    def test_garbage(self, octets: bytes) -> None:
        """Whatever comes is read, waited for or refused."""
        reader, buffer = SieveReader(), ReceiveBuffer()
        buffer.append(octets)
        try:
            while reader.next(buffer) is not None:
                pass
        except ProtocolError:
            pass

    def test_response(self) -> None:
        """A response has its code and its text."""
        buffer = ReceiveBuffer()
        buffer.append(response("NO", 'not "so"', "TRYLATER"))
        self.assertEqual(Line("NO", (b'not "so"',), "TRYLATER"), SieveReader().next(buffer))
        buffer.append(b'OK (SASL "dj0=\\"") "in"\r\n')
        self.assertEqual(Line("OK", (b"in",), "SASL", b'dj0="'), SieveReader().next(buffer))

    def test_too_large(self) -> None:
        """A literal without bounds is refused before it comes."""
        buffer = ReceiveBuffer()
        buffer.append(b"AUTHENTICATE {999999999+}\r\n")
        self.assertTrue(self.assertRaises(ProtocolError, SieveReader().next, buffer).fatal)


class ManageSieveProxyTests(FarmCase):
    """One store."""

    async def farm(self, **settings: Any) -> Any:
        """The store, and the proxy."""
        port = reactor.listenTCP(0, Factory.forProtocol(SieveStore), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        hosts = (Host("127.0.0.1", {"managesieve": port.getHost().port}),)
        return await self.start_proxy("managesieve", stores=[Store("s1", hosts, Transport.NONE)], **settings)

    async def talk(self, function: Any) -> Any:
        """Run a client in a thread."""
        peer = await deferToThread(Peer, self.ports["proxy"])
        try:
            return await deferToThread(function, peer)
        finally:
            peer.close()

    async def test_scripts(self) -> None:
        """A client logs in here, and what it sends behind that is the store's to answer."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            peer.until(b"OK")
            peer.say(b'AUTHENTICATE "PLAIN" {%d+}\r\n%b\r\nLISTSCRIPTS\r\n' % (len(TOKEN), TOKEN))
            return [peer.line(), peer.line(), peer.line()]

        self.assertEqual([b'OK "Logged in"\r\n', b'"main" ACTIVE\r\n', b"OK\r\n"], await self.talk(say))

    async def test_challenges(self) -> None:
        """An exchange in several steps, and one that is wrong."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            peer.until(b"OK")
            peer.say(b'AUTHENTICATE "PLAIN"\r\n')
            lines = [peer.line()]
            peer.say(b'"AGEAYg=="\r\n')
            lines.append(peer.line())
            peer.say(b'AUTHENTICATE "PLAIN"\r\n')
            lines.append(peer.line())
            peer.say(quoted(TOKEN) + b"\r\n")
            return [*lines, peer.line()]

        challenge, refusal, again, entered = await self.talk(say)
        self.assertEqual((b'""\r\n', b'""\r\n'), (challenge, again))
        self.assertTrue(refusal.startswith(b"NO "), refusal)
        self.assertTrue(entered.startswith(b"OK"), entered)

    async def test_before_login(self) -> None:
        """What may be said before a login is answered here, and the rest refused."""
        await self.farm(clear_auth_from_loopback=False)

        def say(peer: Peer) -> list[bytes]:
            lines = []
            while not lines or not lines[-1].startswith(b"OK"):
                lines.append(peer.line())
            for words in (
                b"LISTSCRIPTS",
                b'NOOP "t1"',
                b'AUTHENTICATE "PLAIN" "x"',
                b'PUTSCRIPT "a" "b"',
                b"LOGOUT",
            ):
                peer.say(words + b"\r\n")
                lines.append(peer.line())
            return lines

        lines = await self.talk(say)
        self.assertIn(b'"STARTTLS"\r\n', lines)
        self.assertIn(b'"SASL" ""\r\n', lines)
        self.assertEqual(b'OK (TAG "t1") "Done"\r\n', lines[-4])
        self.assertIn(b"(ENCRYPT-NEEDED)", lines[-3])
        self.assertEqual([b"NO", b"OK", b"NO", b"NO", b"OK"], [line.split()[0] for line in lines[-5:]])

    async def test_tls(self) -> None:
        """After STARTTLS the capabilities are told again, and a login is possible."""
        import socket
        import ssl

        await self.farm(clear_auth_from_loopback=False)

        def say() -> list[bytes]:
            context = ssl.create_default_context(cafile=self.certificate)
            context.check_hostname = False
            with socket.create_connection(("127.0.0.1", self.ports["proxy"]), 10) as plain:
                plain.recv(4096)
                plain.sendall(b"STARTTLS\r\n")
                plain.recv(4096)
                with context.wrap_socket(plain) as secure:
                    lines = secure.makefile("rb")
                    found = [lines.readline()]
                    while not found[-1].startswith(b"OK"):
                        found.append(lines.readline())
                    secure.sendall(b'AUTHENTICATE "PLAIN" "%b"\r\n' % TOKEN)
                    while b"Logged in" not in found[-1]:
                        found.append(lines.readline())
                    return found

        lines = await deferToThread(say)
        self.assertIn(b'"SASL" "PLAIN LOGIN"\r\n', lines)
