"""SEARCH where texts lie in PostgreSQL: faults of the index cost time, and change no answer."""

from __future__ import annotations

import errno
from typing import Any

from mailframe.database.postgres_session import DatabaseFault, Session
from mailframe.store.maildrop import texts
from mailframe.store.search_keys import HeaderContains, SearchKey, TextContains

from .fixture import ALICE, PostgresCase

MESSAGES = 100
"""More than SEARCH reads rather than put into the index."""


class FaultTests(PostgresCase):
    """A mailbox whose texts are in the index, but for what came last."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(MESSAGES):
            self.deliver(ALICE, octets=b"Subject: subject %d\r\n\r\nbody <%d>\r\n" % (number, number))
        while self.wait(self.store.work(ALICE, texts.fill)):
            pass
        self.assertGreater(self.count("mail_texts"), 0)
        self.mailbox = self.opened()

    def found(self, key: SearchKey) -> list[int]:
        """UIDs."""
        return list(self.wait(self.mailbox.search(key)).uids)

    def answers(self) -> None:
        """They are right."""
        self.assertEqual(self.found(TextContains("<7>")), [8])
        self.assertEqual(self.found(TextContains("<99>")), [100])
        self.assertEqual(self.found(HeaderContains("subject", "subject 42")), [43])
        self.assertEqual(self.found(TextContains("nowhere")), [])

    def failing(self, fault: OSError) -> None:
        """From now on nothing can be asked of the index."""
        self.refused = 0
        for name in ("row", "rows", "run", "copy"):
            usual = getattr(Session, name)

            def fails(session: Session, query: str, *values: Any, usual: Any = usual) -> Any:
                if "mail_text" in query:
                    self.refused += 1
                    raise fault
                return usual(session, query, *values)

            self.patch(Session, name, fails)

    def test_usual(self) -> None:
        """With the index."""
        self.answers()

    def test_cut(self) -> None:
        """Connections that were cut are made again."""
        self.cut()
        self.answers()

    def test_away(self) -> None:
        """An index that cannot be asked: messages are read."""
        self.failing(DatabaseFault(errno.EIO, "gone"))
        self.answers()
        self.assertGreater(self.refused, 0)

    def test_full_disk(self) -> None:
        """No room for texts is no reason to refuse mail, or to find less of it."""
        self.failing(DatabaseFault(errno.ENOSPC, "full"))
        (status,) = self.deliver(ALICE, octets=b"Subject: last\r\n\r\nthe last one\r\n")
        self.assertTrue(status.success)
        self.assertEqual(self.found(TextContains("last one")), [MESSAGES + 1])
        self.answers()
        self.assertGreater(self.refused, 0)
