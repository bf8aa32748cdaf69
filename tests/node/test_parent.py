"""The parent with real worker processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
from typing import Any
from unittest import mock

from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailframe.node import control_client, generation
from mailframe.node.logs import LogOutlet
from mailframe.node.parent import Node
from tests.ports import free_port

from .trivial import FileSource


class Client:
    """A blocking client for `tests.node.trivial.Greeter`."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.lines = self.socket.makefile("rb")
        self.greeting = json.loads(self.lines.readline())

    def say(self, what: bytes) -> None:
        """Send a line."""
        self.socket.sendall(what + b"\n")

    def hear(self) -> bytes:
        """Receive a line; b"" at the end."""
        return self.lines.readline()

    def close(self) -> None:
        """Leave."""
        self.lines.close()
        self.socket.close()


class NodeCase(TestCase):
    """Starts a parent in this process."""

    timeout = 60

    def setUp(self) -> None:
        """A directory and a configuration."""
        self.base = tempfile.mkdtemp(prefix="mf-node-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.source = FileSource(os.path.join(self.base, "node.json"))
        self.port = free_port()
        self.address = f"tcp:{self.port}:interface=127.0.0.1"
        self.fatal: list[str] = []

    def make(self) -> Node:
        """A node over the configuration."""
        outlet = LogOutlet(os.path.join(self.base, "log"))
        return Node(self.source.load(), self.source, reactor, dict(os.environ), self.fatal.extend, outlet)

    async def begin(self, **options: Any) -> Node:
        """A node that serves."""
        self.source.write(**{"listen": [self.address], "label": "one", **options})
        node = self.make()
        node.privilegedStartService()
        node.startService()
        self.addCleanup(node.stopService)
        await self.until(node, "running")
        return node

    async def until(self, node: Node, state: str) -> dict[str, Any]:
        """Wait until the node says it is in a state."""
        while True:
            status = await node.describe()
            if status["state"] == state:
                return status
            await self.pause(0.02)

    def pause(self, seconds: float) -> Deferred[None]:
        """Wait."""
        return deferLater(reactor, seconds)

    async def client(self, port: int | None = None) -> Client:
        """A connected client."""
        client = await threads.deferToThread(Client, port or self.port)
        self.addCleanup(client.close)
        return client

    async def ask(self, command: str) -> dict[str, Any]:
        """Ask by the control socket."""
        path = os.path.join(self.base, "data", "control")
        return await threads.deferToThread(control_client.request, path, {"command": command}, 30)


class StartTests(NodeCase):
    """A node starts, shows itself, and stops."""

    async def test_serves_and_stops(self) -> None:
        """All workers serve; after a stop the port is free, and no process is left."""
        node = await self.begin()
        status = await self.ask("status")
        self.assertEqual(status["state"], "running")
        self.assertEqual(status["generation"], 1)
        self.assertEqual([worker["state"] for worker in status["workers"]], ["ready", "ready"])
        client = await self.client()
        self.assertIn(client.greeting["pid"], [worker["pid"] for worker in status["workers"]])
        await node.stopService()
        self.assertEqual(await threads.deferToThread(client.hear), b"")
        for worker in status["workers"]:
            self.assertRaises(ProcessLookupError, os.kill, worker["pid"], 0)
        self.assertFalse(os.path.exists(os.path.join(self.base, "data", "control")))
        self.assertRaises(ConnectionRefusedError, Client, self.port)

    async def test_control_socket_is_private(self) -> None:
        """Only the user that runs the node may use the control socket."""
        await self.begin(workers=1)
        mode = os.stat(os.path.join(self.base, "data", "control")).st_mode
        self.assertEqual(mode & 0o777, 0o600)

    async def test_second_node(self) -> None:
        """A second node with the same control socket is refused in words."""
        await self.begin(workers=1)
        self.source.write(listen=[f"tcp:{free_port()}:interface=127.0.0.1"])
        other = self.make()
        other.startService()
        while not self.fatal:
            await self.pause(0.02)
        await other.stopService()
        self.assertIn("a node is running already", self.fatal[0])

    def test_port_taken(self) -> None:
        """A port that is taken is told before anything is started."""
        with socket.create_server(("127.0.0.1", self.port)):
            self.source.write(listen=[self.address])
            self.make().privilegedStartService()
        self.assertEqual(len(self.fatal), 1)
        self.assertIn(f"cannot listen on {self.address}: Address already in use", self.fatal[0])


class RestartTests(NodeCase):
    """Workers that die or hang are replaced."""

    async def test_dead_worker_is_replaced(self) -> None:
        """A killed worker's place is taken by another, and the service goes on."""
        node = await self.begin()
        victim = (await node.describe())["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        await self.until(node, "starting")
        status = await self.until(node, "running")
        pids = [worker["pid"] for worker in status["workers"]]
        self.assertEqual(len(pids), 2)
        self.assertNotIn(victim, pids)
        await self.client()

    async def test_hung_start(self) -> None:
        """A worker that is not ready in time is killed."""
        self.source.write(listen=[self.address], workers=1, hang=True, start_time=0.3)
        node = self.make()
        node.startService()
        self.addCleanup(node.stopService)
        while not (workers := (await node.describe())["workers"]):
            await self.pause(0.02)
        first = workers[0]["pid"]
        while True:
            workers = (await node.describe())["workers"]
            if workers and workers[0]["pid"] != first:
                break
            await self.pause(0.05)
        self.assertRaises(ProcessLookupError, os.kill, first, 0)


class ReloadTests(NodeCase):
    """A reload is all or nothing."""

    async def test_new_configuration(self) -> None:
        """New connections see the new configuration; a session of the old one goes on until it ends."""
        node = await self.begin(workers=1)
        old = await self.client()
        tables = self.tables()
        self.source.write(listen=[self.address], label="two", workers=1)
        answer = await self.ask("reload")
        self.assertEqual(answer, {"ok": True, "generation": 2})
        for _ in range(10):
            self.assertEqual((await self.client()).greeting["label"], "two")
        old.say(b"still there")
        self.assertEqual(await threads.deferToThread(old.hear), b"still there\n")
        old.say(b"quit")
        while len((await node.describe())["workers"]) > 1:
            await self.pause(0.02)
        self.assertEqual(self.tables(), tables)

    def tables(self) -> int:
        """Descriptors of tables that this process has open."""
        names = []
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                names.append(os.readlink(f"/proc/self/fd/{number}"))
        return sum("mailframe-balance" in name for name in names)

    async def test_wrong_configuration(self) -> None:
        """Every error is told, and the old configuration serves on."""
        node = await self.begin(workers=1)
        with open(self.source.path, "w") as file:
            file.write("nonsense")
        answer = await self.ask("reload")
        self.assertFalse(answer["ok"])
        self.assertEqual(len(answer["errors"]), 2)
        self.assertIn("node.json:1:", answer["errors"][0])
        self.assertEqual((await node.describe())["generation"], 1)
        self.assertEqual((await self.client()).greeting["label"], "one")

    async def test_fewer_workers(self) -> None:
        """The number of workers may change."""
        node = await self.begin()
        self.source.write(listen=[self.address], workers=1)
        self.assertTrue((await self.ask("reload"))["ok"])
        while len((await node.describe())["workers"]) != 1:
            await self.pause(0.02)
        await self.client()

    async def test_worker_that_cannot_start(self) -> None:
        """What a new worker cannot do is told, and the old generation serves on with the old sockets only."""
        node = await self.begin(workers=1)
        other = free_port()
        self.source.write(
            listen=[self.address, f"tcp:{other}:interface=127.0.0.1"], fail="the key is unreadable"
        )
        answer = await self.ask("reload")
        self.assertEqual(answer, {"ok": False, "errors": ["the key is unreadable"]})
        self.assertEqual(len((await node.describe())["listeners"]), 1)
        self.assertRaises(ConnectionRefusedError, Client, other)
        self.assertEqual((await self.client()).greeting["label"], "one")

    async def test_nothing_left_to_begin_with(self) -> None:
        """A reload that fails as nobody foresaw changes nothing either, and the next one is as good as any."""
        node = await self.begin(workers=1)
        other = free_port()
        listen = [self.address, f"tcp:{other}:interface=127.0.0.1"]
        self.source.write(listen=listen, workers=1, status=f"tcp:{free_port()}:interface=127.0.0.1")
        with mock.patch.object(generation, "new_table", side_effect=OSError("no descriptors left")):
            answer = await self.ask("reload")
        self.assertEqual(answer["errors"], ["the command failed; the log says why"])
        self.flushLoggedErrors(OSError)
        status = await node.describe()
        self.assertEqual((len(status["listeners"]), status["status_page"]), (1, None))
        self.assertRaises(ConnectionRefusedError, Client, other)
        self.assertEqual((await self.client()).greeting["label"], "one")

    async def test_other_sockets(self) -> None:
        """New listeners open and unwanted ones close."""
        await self.begin(workers=1)
        other = free_port()
        self.source.write(listen=[f"tcp:{other}:interface=127.0.0.1"], label="two", workers=1)
        self.assertTrue((await self.ask("reload"))["ok"])
        self.assertEqual((await self.client(other)).greeting["label"], "two")
        while True:
            try:
                (await self.client()).close()
            except (ConnectionError, ValueError):
                break
            await self.pause(0.02)

    async def test_taken_port(self) -> None:
        """A new listener that cannot be opened changes nothing."""
        await self.begin(workers=1)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number = taken.getsockname()[1]
            self.source.write(listen=[self.address, f"tcp:{number}:interface=127.0.0.1"])
            answer = await self.ask("reload")
        self.assertIn("Address already in use", answer["errors"][0])
        self.assertEqual((await self.client()).greeting["label"], "one")

    async def test_hangup(self) -> None:
        """SIGHUP reloads; one that comes during a reload leads to another reload."""
        node = await self.begin(workers=1)
        self.source.write(listen=[self.address], label="two", workers=1)
        os.kill(os.getpid(), signal.SIGHUP)
        await self.until(node, "reloading")
        refused = await self.ask("reload")
        self.assertIn("under way already", refused["errors"][0])
        os.kill(os.getpid(), signal.SIGHUP)
        while (await node.describe())["generation"] != 3:
            await self.pause(0.02)
        self.assertEqual((await self.client()).greeting["label"], "two")

    async def test_drain_ends(self) -> None:
        """A session of the old configuration that never ends is cut when the drain time is over."""
        await self.begin(workers=1, drain_time=0.5)
        old = await self.client()
        self.source.write(listen=[self.address], workers=1)
        self.assertTrue((await self.ask("reload"))["ok"])
        self.assertEqual(await threads.deferToThread(old.hear), b"")

    async def test_nobody_is_refused(self) -> None:
        """Clients that connect without a pause through reloads, wrong and right, all get their greeting."""
        await self.begin()
        going = True
        served = 0

        def load() -> None:
            nonlocal served
            while going:
                client = Client(self.port)
                client.say(b"quit")
                assert client.hear() == b""
                client.close()
                served += 1

        clients = [threads.deferToThread(load) for _ in range(3)]
        for label in ("two", "", "three"):
            before = served
            while served < before + 20:
                await self.pause(0.01)
            if label:
                self.source.write(listen=[self.address], label=label)
            else:
                with open(self.source.path, "w") as file:
                    file.write("nonsense")
            answer = await self.ask("reload")
            self.assertEqual(answer["ok"], bool(label))
        before = served
        while served < before + 20:
            await self.pause(0.01)
        going = False
        for client in clients:
            await client


class BalanceTests(NodeCase):
    """Connections are shared."""

    async def test_burst(self) -> None:
        """Twenty connections at once, that last, are spread over both workers.

        On a busy machine one of them may sleep through a burst; not through one after the other.
        """
        await self.begin()

        def burst() -> list[int]:
            sockets = []
            for _ in range(20):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", self.port))
                sockets.append(client)
            pids = []
            for client in sockets:
                client.setblocking(True)
                with client.makefile("rb") as lines:
                    pids.append(json.loads(lines.readline())["pid"])
            for client in sockets:
                client.close()
            return pids

        shares = []
        while len(shares) < 20 and max(shares, default=0) < 5:
            if shares:
                await deferLater(reactor, 0.2)
            pids = await threads.deferToThread(burst)
            first = pids.count(pids[0])
            shares.append(min(first, len(pids) - first))
        self.assertGreaterEqual(max(shares), 5, shares)


class HintTests(NodeCase):
    """Workers tell each other."""

    async def test_other_worker_hears(self) -> None:
        """What one worker publishes, a listener in another hears."""
        await self.begin()
        first = await self.client()
        second = first
        while second.greeting["pid"] == first.greeting["pid"]:
            second = await self.client()
        first.say(b"listen")
        self.assertEqual(await threads.deferToThread(first.hear), b"listening\n")
        second.say(b"hint")
        self.assertEqual(await threads.deferToThread(first.hear), b"changed\n")


class HealthTests(NodeCase):
    """What workers find wrong is told."""

    async def test_problems(self) -> None:
        """Each problem once, however many workers have it."""
        await self.begin(problems=["the disk is full"])
        self.assertEqual(await self.ask("health"), {"ok": True, "problems": ["test: the disk is full"]})
