"""The control socket, both ends."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor, threads
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.node.control import ControlInUse, ControlProtocol, ControlSocket
from mailframe.node.control_client import PATH_LIMIT, ControlError, request


async def hello() -> dict[str, Any]:
    """A command."""
    return {"greeting": "hello"}


async def refuse() -> dict[str, Any]:
    """A command that says no."""
    error = ValueError("no")
    error.errors = ["not now", "not here"]  # type: ignore[attr-defined]
    raise error


async def fail() -> dict[str, Any]:
    """A command that is broken."""
    raise RuntimeError("broken: secret")


async def echo(word: str) -> dict[str, Any]:
    """A command that takes something."""
    return {"word": word}


COMMANDS = {"hello": hello, "refuse": refuse, "fail": fail, "echo": echo}


class ControlProtocolTests(SynchronousTestCase):
    """One JSON object a line."""

    def ask(self, line: bytes) -> dict[str, Any]:
        """The answer to a line."""
        protocol = ControlProtocol(COMMANDS)
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(line + b"\n")
        return json.loads(transport.value())  # type: ignore[no-any-return]

    def test_answers(self) -> None:
        """What a command returns goes back; its refusal too; a fault is told without details."""
        self.assertEqual(self.ask(b'{"command": "hello"}'), {"ok": True, "greeting": "hello"})
        self.assertEqual(self.ask(b'{"command": "refuse"}'), {"ok": False, "errors": ["not now", "not here"]})
        self.assertEqual(
            self.ask(b'{"command": "fail"}'),
            {"ok": False, "errors": ["the command failed; the log says why"]},
        )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_arguments(self) -> None:
        """A command gets what the question says for it; without that, it fails."""
        self.assertEqual(
            self.ask(b'{"command": "echo", "arguments": {"word": "x"}}'), {"ok": True, "word": "x"}
        )
        self.assertFalse(self.ask(b'{"command": "echo"}')["ok"])
        self.assertFalse(self.ask(b'{"command": "echo", "arguments": 5}')["ok"])
        self.flushLoggedErrors(TypeError)

    def test_unknown(self) -> None:
        """An unknown command is told which there are."""
        answer = self.ask(b'{"command": "explode"}')
        self.assertEqual(answer["errors"], ["expected one of the commands echo, fail, hello, refuse"])

    @given(st.binary(max_size=40).filter(lambda octets: b"\n" not in octets))
    def test_nonsense(self, line: bytes) -> None:
        """Nonsense gets a refusal."""
        self.assertFalse(self.ask(line)["ok"])


class ControlSocketTests(TestCase):
    """A real socket."""

    def setUp(self) -> None:
        """A directory."""
        self.base = tempfile.mkdtemp(prefix="mf-control-")
        self.addCleanup(shutil.rmtree, self.base)

    def open(self, path: str) -> ControlSocket:
        """A control socket there."""
        opened = ControlSocket(reactor, path, COMMANDS)
        self.addCleanup(opened.close)
        return opened

    async def check(self, path: str) -> None:
        """It answers there."""
        answer = await threads.deferToThread(request, path, {"command": "hello"})
        self.assertEqual(answer, {"ok": True, "greeting": "hello"})

    async def test_answers(self) -> None:
        """A client gets its answer; after the end nothing is left."""
        path = os.path.join(self.base, "control")
        opened = self.open(path)
        await self.check(path)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        opened.close()
        self.assertFalse(os.path.exists(path))

    async def test_deep_directory(self) -> None:
        """A path that is too long for the kernel works all the same."""
        deep = os.path.join(self.base, *["deep-directory"] * 10)
        os.makedirs(deep)
        path = os.path.join(deep, "control")
        self.assertGreater(len(path), PATH_LIMIT)
        self.open(path)
        await self.check(path)

    async def test_stale(self) -> None:
        """A socket that a killed node left is replaced; one that answers is not."""
        path = os.path.join(self.base, "control")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        self.open(path)
        await self.check(path)
        self.assertRaises(ControlInUse, ControlSocket, reactor, path, COMMANDS)
        await self.check(path)

    def test_nobody(self) -> None:
        """Without a node the client says so."""
        with self.assertRaisesRegex(ControlError, "no node is running here"):
            request(os.path.join(self.base, "control"), {"command": "hello"})

    async def test_silence(self) -> None:
        """A node that does not answer is not waited for for ever."""
        path = os.path.join(self.base, "control")
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(path)
            silent.listen(1)
            with self.assertRaisesRegex(ControlError, "did not answer within 0.1 s"):
                await threads.deferToThread(request, path, {"command": "hello"}, 0.1)

    async def test_closed(self) -> None:
        """A node that hangs up is told."""
        path = os.path.join(self.base, "control")
        with socket.socket(socket.AF_UNIX) as rude:
            rude.bind(path)
            rude.listen(1)
            asked = threads.deferToThread(request, path, {"command": "hello"}, 5)
            accepted, _ = await threads.deferToThread(rude.accept)
            await threads.deferToThread(accepted.recv, 100)
            accepted.close()
            with self.assertRaisesRegex(ControlError, "without an answer"):
                await asked
