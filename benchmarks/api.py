"""Requests a second of the API over the directory in a file, by one client.

    python benchmarks/api.py --accounts 200000

Real HTTP on the loopback, without TLS; the client runs in the same process, so a server alone does more.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred

from mailframe.api.entries import Directory
from mailframe.api.options import APIOptions
from mailframe.api.server import APIFactory
from mailframe.api.threads import Threads
from mailframe.api.tokens import KnownTokens, TokenFile
from mailframe.directory.entries import Put
from mailframe.directory.passwords import make_hash
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.directory.values import Account, Credential
from mailframe.limits.memory import MemoryTallies

reactor: Any = installed
HASH = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$" + "c2FsdHNhbHQ$" + "x" * 43
PAGE = 1000


def name(number: int) -> str:
    """One of the accounts."""
    return f"u{number:08}@example.test"


def fill(directory: SQLiteDirectory, accounts: int) -> None:
    """Make the accounts."""
    directory.add_domain("example.test")
    for begin in range(0, accounts, PAGE):
        some = range(begin, min(begin + PAGE, accounts))
        directory.apply(
            [Put(Credential(Account(name(number)), HASH), new=True) for number in some], "benchmark"
        )


class Client:
    """Asks, on one connection.

    Args:
        port: of the API.
        token: that may do everything.
        accounts: how many there are.
    """

    def __init__(self, port: int, token: str, accounts: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._fields = {"Authorization": f"Bearer {token}"}
        self._accounts = accounts
        self._after = ""

    def run(self) -> None:
        """Measure everything."""
        quota = 1 + int(time.time())
        self._measure("one account read", 1000, lambda n: self._ask("GET", self._account(n)))
        self._measure(
            "one account changed", 500, lambda n: self._ask("PATCH", self._account(n), {"quota": quota})
        )
        self._measure(
            "the same said again", 500, lambda n: self._ask("PATCH", self._account(n), {"quota": quota})
        )
        self._measure("page of 1,000 accounts", 20, self._page)
        self._measure("1,000 accounts added in bulk", 5, self._bulk)
        since = self._ask("GET", "/v1/changes")["version"] - PAGE
        self._measure("page of 1,000 changes", 20, lambda n: self._ask("GET", f"/v1/changes?since={since}"))

    def _account(self, number: int) -> str:
        return f"/v1/accounts/{name(number * 7919 % self._accounts)}"

    def _page(self, number: int) -> None:
        self._after = self._ask("GET", f"/v1/accounts?limit={PAGE}&after={self._after}")["next"] or ""

    def _bulk(self, number: int) -> None:
        names = [f"b{number}-{one}@example.test" for one in range(PAGE)]
        self._ask(
            "POST", "/v1/bulk", {"edits": [{"put": {"account": one, "password_hash": HASH}} for one in names]}
        )

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        self._connection.request(method, path, None if body is None else json.dumps(body), self._fields)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        return json.loads(content)

    def _measure(self, title: str, times: int, do: Callable[[int], object]) -> None:
        begun = time.perf_counter()
        for number in range(times):
            do(number)
        seconds = time.perf_counter() - begun
        print(f"{title:30} {times / seconds:8.0f} a second, {1000 * seconds / times:8.2f} ms each")


async def serve(place: str, accounts: int) -> None:
    """Listen, and let the client ask."""
    entries = SQLiteDirectory(os.path.join(place, "directory.sqlite"), None)
    fill(entries, accounts)
    token = TokenFile(os.path.join(place, "tokens.json")).add("benchmark", ["write"])
    threads = Threads(reactor)
    await threads.start()
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(threads.stop()))
    directory = Directory(entries, lambda password: (make_hash(password), ()), b"benchmark")
    known = KnownTokens(os.path.join(place, "tokens.json"))
    factory = APIFactory(directory, known, threads, APIOptions(), reactor, MemoryTallies(reactor))
    port = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port

    def ask() -> None:
        try:
            Client(port, token, accounts).run()
        finally:
            reactor.callFromThread(reactor.stop)

    threading.Thread(target=ask, daemon=True).start()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=20_000)
    accounts = parser.parse_args().accounts
    with tempfile.TemporaryDirectory() as place:
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(serve(place, accounts)).addErrback(failed))
        reactor.run()


def failed(failure: Any) -> None:
    """It cannot be measured."""
    failure.printTraceback()
    reactor.stop()


if __name__ == "__main__":
    main()
