"""The smallest thing a worker can run: a server that says which process and configuration answers."""

from __future__ import annotations

import json
import os
import time

from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from mailframe.monitor.health import Problem
from mailframe.node.interfaces import Assembly, IWork
from mailframe.node.plan import IPlanSource, Plan, PlanError


@implementer(IPlanSource)
class FileSource:
    """Plans from a JSON file: ``label``, ``listen``, ``workers`` and what goes wrong."""

    def __init__(self, path: str) -> None:
        self.path = path

    def write(self, **options: object) -> None:
        """Write the file."""
        with open(self.path, "w") as file:
            json.dump(options, file)

    def load(self) -> Plan:
        """Read the file."""
        with open(self.path) as file:
            text = file.read()
        try:
            options = json.loads(text)
        except ValueError as error:
            raise PlanError([f"{self.path}:1: {error}", f"{self.path}:2: and more"]) from None
        base = os.path.dirname(self.path)
        return Plan(
            build="tests.node.trivial.build",
            path=self.path,
            text=text,
            roles=["trivial"],
            workers=options.get("workers", 2),
            data=os.path.join(base, "data"),
            control=os.path.join(base, "data", "control"),
            listen=options["listen"],
            status=options.get("status"),
            drain_time=options.get("drain_time", 5.0),
            start_time=options.get("start_time", 20.0),
            stop_time=options.get("stop_time", 1.0),
        )


class Greeter(Protocol):
    """Greets with pid and label; ends at ``quit``; dies at ``die``; hints at ``hint``."""

    def connectionMade(self) -> None:
        """Greet."""
        self.work = self.factory.work
        self.work.open.add(self)
        self.transport.write(json.dumps({"pid": os.getpid(), "label": self.work.label}).encode() + b"\n")

    def dataReceived(self, data: bytes) -> None:
        """Obey."""
        if data.startswith(b"quit"):
            self.transport.loseConnection()
        elif data.startswith(b"die"):
            os._exit(7)
        elif data.startswith(b"stick"):
            time.sleep(600)
        elif data.startswith(b"hint"):
            self.work.hints.publish("alice@example.test", "box")
        elif data.startswith(b"listen"):
            self.work.hints.listen("alice@example.test", "box", lambda: self.transport.write(b"changed\n"))
            self.transport.write(b"listening\n")
        else:
            self.transport.write(data)

    def connectionLost(self, reason: object = None) -> None:
        """Leave."""
        self.work.open.discard(self)


@implementer(IWork)
class Trivial:
    """Runs greeters on all endpoints."""

    summary = "trivial"

    def __init__(self, assembly: Assembly) -> None:
        self.options = json.loads(assembly.text)
        self.label = self.options.get("label", "")
        self.endpoints = assembly.endpoints
        self.hints = assembly.hints
        self.open: set[Greeter] = set()
        self.ports: list[object] = []

    async def start(self) -> None:
        """Listen, or do what the options say goes wrong."""
        if self.options.get("fail"):
            raise PlanError([self.options["fail"]])
        if self.options.get("hang"):
            time.sleep(600)
        factory = Factory.forProtocol(Greeter)
        factory.work = self
        self.ports = [await endpoint.listen(factory) for endpoint in self.endpoints.values()]

    async def drain(self) -> None:
        """Listen no more."""
        ports, self.ports = self.ports, []
        for port in ports:
            await port.stopListening()

    def sessions(self) -> dict[str, int]:
        """Open connections."""
        return {"trivial": len(self.open)}

    def finish(self) -> None:
        """Nobody is in a transaction."""
        for greeter in tuple(self.open):
            greeter.transport.loseConnection()

    async def stop(self) -> None:
        """Cut all."""
        await self.drain()
        for greeter in tuple(self.open):
            greeter.transport.abortConnection()

    async def health(self) -> list[Problem]:
        """As the options say."""
        return [Problem("test", text) for text in self.options.get("problems", [])]


def build(assembly: Assembly) -> Trivial:
    """What workers call."""
    return Trivial(assembly)
