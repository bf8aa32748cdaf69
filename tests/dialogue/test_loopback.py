"""What only a real socket shows: last words under fire, and real TLS."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable
from typing import TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.dialogue.interfaces import IConversation
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.tls.development import make_certificate
from mailframe.tls.server import Contexts

from .test_protocol import Echo

T = TypeVar("T")


class Turning(Echo):
    """An `Echo` that knows ``tls`` and ``facts``."""

    contexts: Contexts

    async def handle(self, event: object) -> None:
        if event == b"tls":
            self.connection.start_tls(self.contexts.contexts(), b"go\r\n")
        elif event == b"facts":
            facts = self.connection.tls_facts()
            assert facts is not None
            binding = self.connection.channel_binding() or b""
            line = f"{facts.version} {facts.bits} {facts.server_name} {binding.hex()}\r\n"
            self.connection.write(line.encode())
        else:
            await super().handle(event)


class LoopbackTests(TestCase):
    """Connections over the loopback interface."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        contexts = Contexts([make_certificate(self.mktemp(), ["localhost"])])
        self.conversations: list[Turning] = []
        self.gone: list[Deferred[None]] = []
        case = self

        class Server(Factory):
            noisy = False

            def buildProtocol(self, addr: object) -> Protocol:
                conversation = Turning()
                conversation.contexts = contexts
                case.conversations.append(conversation)
                gone: Deferred[None] = Deferred()
                conversation.closed = lambda: gone.callback(None)  # type: ignore[method-assign]
                case.gone.append(gone)
                return DialogueProtocol(cast(IConversation, conversation), cast(IReactorTime, reactor))

        self.factory = Server()
        port = cast(IListeningPort, reactor.listenTCP(0, self.factory, interface="127.0.0.1"))  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port  # type: ignore[attr-defined]

    async def client(self, speak: Callable[[socket.socket], T]) -> T:
        """Speak in a thread; wait until the server has seen the end, too."""

        def connected() -> T:
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
                return speak(client)

        result: T = await deferToThread(connected)
        for gone in self.gone:
            await gone
        return result

    async def test_local_socket(self) -> None:
        """A socket in the file system serves as well; its peer is called unix."""
        from twisted.internet import reactor

        path = os.path.join(tempfile.mkdtemp(), "socket")
        self.addCleanup(shutil.rmtree, os.path.dirname(path))
        port = cast(IListeningPort, reactor.listenUNIX(path, self.factory))  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)

        def speak() -> bytes:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(path)
                client.sendall(b"a\r\nquit\r\n")
                return client.makefile("rb").read()

        self.assertEqual(await deferToThread(speak), b"hello\r\na\r\nquit\r\n")
        for gone in self.gone:
            await gone
        self.assertEqual(self.conversations[0].connection.peer, "unix")

    async def test_last_words_reach_a_sender(self) -> None:
        """A peer that sends megabytes after its mistake still reads why it is sent away."""

        def speak(client: socket.socket) -> bytes:
            client.sendall(b"x" * 8_000_000)
            return client.makefile("rb").read()

        self.assertEqual(await self.client(speak), b"hello\r\nerror\r\n")

    async def test_starttls(self) -> None:
        """The dialogue goes on under TLS, whose facts and channel binding are those of the client's end."""

        def speak(client: socket.socket) -> list[bytes]:
            file = client.makefile("rb")
            lines = [file.readline()]
            client.sendall(b"tls\r\n")
            lines.append(file.readline())
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(client, server_hostname="localhost") as secure:
                file = secure.makefile("rb")
                secure.sendall(b"facts\r\na\r\n")
                return [*lines, file.readline(), file.readline(), str(secure.version()).encode()]

        lines = await self.client(speak)
        version, bits, name, binding = lines[2].split()
        self.assertEqual(lines[:2], [b"hello\r\n", b"go\r\n"])
        self.assertEqual((version, name, lines[3]), (lines[4], b"localhost", b"a\r\n"))
        self.assertGreaterEqual(int(bits), 128)
        self.assertEqual(len(bytes.fromhex(binding.decode())), 32)

    async def test_spoken_before_tls(self) -> None:
        """Octets behind the command end the connection before the handshake."""

        def speak(client: socket.socket) -> bytes:
            client.sendall(b"tls\r\na\r\n")
            return client.makefile("rb").read()

        self.assertEqual(await self.client(speak), b"hello\r\nerror\r\n")

    async def test_pipelined_under_tls(self) -> None:
        """A flood under TLS is answered whole and in order, to a client that reads only afterwards."""

        def speak(client: socket.socket) -> bytes:
            client.sendall(b"tls\r\n")
            file = client.makefile("rb")
            file.readline()
            file.readline()
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(client, server_hostname="localhost") as secure:
                secure.sendall(b"".join(b"%d\r\n" % i for i in range(5000)) + b"quit\r\n")
                return secure.makefile("rb").read()

        expected = b"".join(b"%d\r\n" % i for i in range(5000)) + b"quit\r\n"
        self.assertEqual(await self.client(speak), expected)
