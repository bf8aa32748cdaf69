"""The API on a real port, over a directory in memory or in a file."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.api.entries import Directory
from mailframe.api.options import APIOptions
from mailframe.api.server import APIFactory
from mailframe.api.threads import Threads
from mailframe.api.tokens import KnownTokens, TokenFile
from mailframe.config.types import Secret
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.passwords import make_hash
from mailframe.directory.postgresql.directory import PostgreSQLDirectory
from mailframe.directory.postgresql.options import PostgreSQLDirectoryOptions
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.limits.memory import MemoryTallies
from tests import postgres


class Answered:
    """What came back.

    Attributes:
        code: of HTTP.
        headers: by name in lower case.
        content: the body's octets.
    """

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.code = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.content = answer.read()

    @property
    def body(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


def request(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Answered:
    """One request on a connection of its own; blocks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, content, dict(headers or {}))
        return Answered(connection.getresponse())
    finally:
        connection.close()


class ServedCase(TestCase):
    """A test with an API; its token ``tests`` may do everything."""

    options = APIOptions()

    async def setUp(self) -> None:
        """Listen."""
        self.clock: Any = reactor
        self.entries = self.make_directory()
        self.entries.add_domain("example.test")
        self.file = TokenFile(os.path.abspath(self.mktemp()))
        self.token = self.file.add("tests", ["write"])
        threads = Threads(self.clock)
        await threads.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(threads.stop()))
        directory = Directory(self.entries, lambda password: (make_hash(password, "SSHA256"), ()), b"secret")
        self.factory = APIFactory(
            directory,
            KnownTokens(self.file.path),
            threads,
            self.options,
            self.clock,
            MemoryTallies(self.clock),
        )
        port = self.clock.listenTCP(0, self.factory, interface="127.0.0.1")
        self.port: int = port.getHost().port
        self.addCleanup(port.stopListening)
        self.addCleanup(self.factory.leave)

    def make_directory(self) -> Any:
        """What is administered."""
        return MemoryDirectory()

    def in_a_file(self) -> Any:
        """A directory in a file."""
        return SQLiteDirectory(self.mktemp(), None)

    def in_a_database(self) -> Any:
        """A directory in a database."""
        options = PostgreSQLDirectoryOptions(address=Secret(postgres.database(self)))
        directory = PostgreSQLDirectory(options, None)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        return directory

    async def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, **fields: str
    ) -> Answered:
        """One request, by the token ``tests`` unless another is said; fields have underscores for hyphens."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if token != "":
            headers["Authorization"] = f"Bearer {token or self.token}"
        found: Answered = await deferToThread(request, self.port, method, path, body, headers)
        return found

    async def expect(self, code: int, method: str, path: str, body: Any = None, **more: Any) -> Answered:
        """The same; it must be answered so."""
        found = await self.ask(method, path, body, **more)
        self.assertEqual(code, found.code, found.content)
        return found
