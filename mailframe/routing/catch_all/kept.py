"""What is known of addresses that only a catch-all takes, in a file that all workers of a node have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from mailframe.database.file import Database
from mailframe.database.lanes import CallFromThread
from mailframe.directory.names import comparable_domain, comparable_local_part
from mailframe.message.address import Address

ROOM: Final = "mailframe.routing.catch_all"
FILE: Final = "catch-all.sqlite"
"""In the data directory."""
_COLUMNS: Final = "domain, local_part, taken, notices, refused, first, last, dead"


@dataclass(frozen=True, slots=True)
class Count:
    """What came for one address since it was written down last.

    Attributes:
        taken: messages that were delivered.
        notices: those of them from the null reverse-path.
        refused: recipients that were refused, as the address is dead.
    """

    taken: int = 0
    notices: int = 0
    refused: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.taken + other.taken, self.notices + other.notices, self.refused + other.refused)


@dataclass(frozen=True, slots=True)
class Caught:
    """What is known of one address.

    Attributes:
        address: in its own domain, not an alias domain.
        taken, notices, refused: as in `Count`.
        first: when it was seen first, in seconds since 1970.
        last: when it was seen last.
        dead: why it is refused; "" where it is not.
    """

    address: Address
    taken: int
    notices: int
    refused: int
    first: int
    last: int
    dead: str


class CaughtAddresses:
    """The file; it is made when the first address is caught.

    Args:
        path: the file.
        reactor: None for a command: then all is done at once.
    """

    def __init__(self, path: str, reactor: CallFromThread | None) -> None:
        self._database = Database(path, ROOM, reactor, synchronous="NORMAL")

    async def stop(self) -> None:
        """Close the file."""
        await self._database.stop()

    async def why_dead(self, address: Address) -> str:
        """Why an address is refused; "" where it is not.

        Raises:
            MailframeError: temporary, when the file cannot be read.
        """
        return await self._database.read(lambda connection: _dead_txn(connection, _key(address)))

    async def count(
        self, counts: Iterable[tuple[Address, Count]], now: int, notices: int, remembered: int
    ) -> None:
        """Write down what came.

        Args:
            counts: by address.
            now: seconds since 1970.
            notices: with so many, an address is dead where it has little else; 0 for never.
            remembered: addresses that are remembered.

        Raises:
            MailframeError: temporary, when nothing can be written.
        """
        rows = [(*_key(address), one) for address, one in counts]

        def count_txn(connection: apsw.Connection) -> None:
            for domain, local_part, one in rows:
                connection.execute(
                    "INSERT INTO caught (domain, local_part, taken, notices, refused, first, last) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO UPDATE SET taken = taken + ?3, "
                    "notices = notices + ?4, refused = refused + ?5, last = max(last, ?6)",
                    (domain, local_part, one.taken, one.notices, one.refused, now),
                )
                if notices and one.notices:
                    connection.execute(
                        "UPDATE caught SET dead = 'notices' WHERE domain = ? AND local_part = ? AND dead = '' "
                        "AND notices >= ? AND notices * 2 >= taken",
                        (domain, local_part, notices),
                    )
            _forget_oldest_txn(connection, remembered)

        await self._database.run(count_txn)

    async def learn(self, addresses: Collection[Address], why: str, now: int) -> None:
        """Refuse addresses from now on.

        Args:
            addresses: whatever is known of them.
            why: ``trap``, ``bounced``, ``named``; one word.
            now: seconds since 1970.

        Raises:
            MailframeError: temporary, when nothing can be written.
        """
        await self._database.run(lambda connection: _learn_txn(connection, addresses, why, now))

    # For commands; these block.

    def report(self, domain: str = "", dead: bool = False, limit: int = 0) -> Sequence[Caught]:
        """All addresses, those with most mail first.

        Args:
            domain: only of this one; "" for all.
            dead: only those that are refused.
            limit: how many at most; 0 for all.
        """
        wanted = comparable_domain(domain)

        def report_txn(connection: apsw.Connection) -> list[Caught]:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM caught WHERE (?1 = '' OR domain = ?1) AND (NOT ?2 OR dead <> '') "  # noqa: S608
                "ORDER BY taken + refused DESC, domain, local_part LIMIT ?3",
                (wanted, dead, limit or -1),
            )
            return [Caught(Address(str(row[1]), str(row[0])), *row[2:]) for row in rows]

        return self._database.run_blocking(report_txn)

    def refuse(self, addresses: Collection[Address], now: int) -> None:
        """Refuse addresses that the administrator names."""
        self._database.run_blocking(lambda connection: _learn_txn(connection, addresses, "named", now))

    def forget(self, address: Address) -> bool:
        """Take an address again, and know nothing of it.

        Returns:
            Was anything known?
        """
        domain, local_part = _key(address)

        def forget_txn(connection: apsw.Connection) -> bool:
            before = connection.total_changes()
            connection.execute("DELETE FROM caught WHERE domain = ? AND local_part = ?", (domain, local_part))
            return connection.total_changes() > before

        return self._database.run_blocking(forget_txn)


def _key(address: Address) -> tuple[str, str]:
    return comparable_domain(address.domain), comparable_local_part(address.local_part)


def _dead_txn(connection: apsw.Connection, key: tuple[str, str]) -> str:
    rows = connection.execute("SELECT dead FROM caught WHERE domain = ? AND local_part = ?", key)
    return next((str(dead) for (dead,) in rows), "")


def _learn_txn(connection: apsw.Connection, addresses: Collection[Address], why: str, now: int) -> None:
    connection.executemany(
        "INSERT INTO caught (domain, local_part, first, last, dead) VALUES (?1, ?2, ?3, ?3, ?4) "
        "ON CONFLICT DO UPDATE SET dead = ?4",
        [(*_key(address), now, why) for address in addresses],
    )


def _forget_oldest_txn(connection: apsw.Connection, remembered: int) -> None:
    ((known,),) = connection.execute("SELECT count(*) FROM caught")
    if known > remembered:
        connection.execute(
            "DELETE FROM caught WHERE (domain, local_part) IN "
            "(SELECT domain, local_part FROM caught ORDER BY dead <> '', last LIMIT ?)",
            (known - remembered,),
        )
