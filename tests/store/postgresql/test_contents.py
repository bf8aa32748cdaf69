"""Octets in the database: kept once, read by windows, removed when nobody has them."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.database.postgres_session import DatabaseFault
from mailframe.message.content import Content, OctetsBody
from mailframe.store.postgresql import contents as module
from mailframe.store.postgresql import removing
from mailframe.store.postgresql.checking import differences, put_right
from mailframe.store.postgresql.contents import Contents, pieces_of
from mailframe.store.postgresql.sweeping import STEP
from mailframe.store.values import DELETED, INBOX, Delivery, FlagChange, NewMessage, Span
from mailframe.testing.store.fixture import in_file

from .fixture import ALICE, BOB, PostgresCase

HELLO = b"Subject: hello\r\n\r\nHello.\r\n"


class SharingTests(PostgresCase):
    """One content for all who have it."""

    def test_one_message_for_many(self) -> None:
        """A message for a hundred accounts is kept once."""
        names = [f"user{number}@example.test" for number in range(100)]
        self.assertTrue(all(status.success for status in self.deliver(*names, octets=HELLO)))
        self.assertEqual(self.count("mail_contents"), 1)
        self.assertEqual(self.contents(self.opened(names[42])), [HELLO])
        self.sound()

    def test_own_fields_in_front(self) -> None:
        """What each account's copy has in front does not make it a content of its own."""
        body = OctetsBody(HELLO)
        deliveries = [
            Delivery(name, NewMessage(Content(body, b"Delivered-To: %s\r\n" % name.encode())), INBOX)
            for name in (ALICE, BOB)
        ]
        self.wait(self.store.deliver(deliveries))
        self.assertEqual(self.count("mail_contents"), 1)
        self.assertEqual(self.contents(self.opened(BOB)), [b"Delivered-To: bob@example.test\r\n" + HELLO])
        mailbox = self.opened(ALICE)
        self.assertEqual(self.wait(mailbox.read([Span(1, 10, 12)])), [b"To: alice@ex"])
        self.assertEqual(
            self.wait(mailbox.read([Span(1, 25, 20)])),
            [(b"Delivered-To: alice@example.test\r\n" + HELLO)[25:45]],
        )

    def test_much_in_front(self) -> None:
        """Very much in front is kept with the rest, and comes back as it was."""
        prefix = b"X-Long: " + b"x" * 5000 + b"\r\n"
        self.deliver(ALICE, content=Content(OctetsBody(HELLO), prefix))
        self.assertEqual(self.contents(self.opened()), [prefix + HELLO])

    def test_octets_of_any_kind(self) -> None:
        """Octets that no text can have come back, in front as well."""
        odd = bytes(range(256)) + b"\r\n"
        for prefix in (b"", b"X-Odd: \xff\xfe\r\n", b"X-Null: \0\r\n"):
            self.deliver(ALICE, content=Content(OctetsBody(odd), prefix))
        self.assertEqual(
            self.contents(self.opened()), [odd, b"X-Odd: \xff\xfe\r\n" + odd, b"X-Null: \0\r\n" + odd]
        )

    def test_copies_touch_no_octets(self) -> None:
        """COPY and MOVE leave the octets where they are."""
        self.deliver(ALICE, octets=HELLO)
        mailbox = self.opened()
        self.wait(mailbox.copy([1], "Sent"))
        self.wait(mailbox.move([1], "Sent"))
        self.assertEqual(self.count("mail_contents"), 1)
        self.assertEqual(self.contents(self.opened(name="Sent")), [HELLO, HELLO])
        self.assertEqual(self.count("mail_released"), 0)


class LargeTests(PostgresCase):
    """Contents in pieces."""

    OCTETS = b"Subject: large\r\n\r\n" + b"".join(b"%076d\r\n" % number for number in range(40_000))

    def test_windows(self) -> None:
        """A large message is read by windows, across the borders of its pieces, with what is in front of it."""
        prefix = b"Delivered-To: alice@example.test\r\n"
        body = in_file(self.OCTETS).body
        self.deliver(ALICE, content=Content(body, prefix))
        self.assertEqual(self.count("mail_pieces"), 3)
        mailbox, whole = self.opened(), prefix + self.OCTETS
        size = len(whole)
        for offset, length in (
            (0, None),
            (0, 10),
            (30, 10),
            (40, 5),
            (1024 * 1024, 300_000),
            (size - 5, 100),
            (size, 1),
        ):
            end = size if length is None else offset + length
            self.assertEqual(self.wait(mailbox.read([Span(1, offset, length)])), [whole[offset:end]])
        self.sound()

    def test_twice(self) -> None:
        """A large message that comes again is found, and not written again."""
        self.deliver(ALICE, content=in_file(self.OCTETS))
        self.deliver(BOB, content=in_file(self.OCTETS))
        self.assertEqual((self.count("mail_contents"), self.count("mail_pieces")), (1, 3))

    def test_two_at_once(self) -> None:
        """Of two who write the same large content at once one keeps it, and the other has it too."""
        first, second = Contents(self.session()), Contents(self.session())
        octets = b"x" * 3_000_000
        digest = hashlib.sha256(octets).digest()
        numbers = []

        def slow():
            yield octets[:2_000_000]
            numbers.append(second.add_large([octets], len(octets), digest))
            yield octets[2_000_000:]

        numbers.append(first.add_large(slow(), len(octets), digest))
        self.assertEqual(numbers[0], numbers[1])
        self.assertEqual(self.count("mail_contents"), 1)
        self.assertEqual(first.read(numbers[0]), octets)

    def test_server_started_again(self) -> None:
        """A large content of which a server that stopped may have lost a part is given up."""
        contents = Contents(session := self.session())

        begin = Contents._begin

        def begun(contents: Contents, size: int) -> int:
            number = begin(contents, size)
            session.started = "before"
            return number

        self.patch(Contents, "_begin", begun)
        with self.assertRaises(DatabaseFault):
            contents.add_large([b"x" * 2_000_000], 2_000_000, b"d" * 32)
        self.assertEqual(self.count("mail_contents"), 0)

    def test_broken_off(self) -> None:
        """Nothing is left of a large message whose file breaks while it is read."""
        contents = Contents(self.session())

        def broken():
            yield b"x" * 2_000_000
            raise OSError("gone")

        with self.assertRaises(OSError):
            contents.add_large(broken(), 3_000_000, b"d" * 32)
        self.assertEqual((self.count("mail_contents"), self.count("mail_pieces")), (0, 0))

    @given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 50))
    @settings(deadline=None)
    def test_pieces(self, chunks: list[bytes], piece: int) -> None:
        """However octets come, they go in pieces of one size, but for the last, and none is lost."""
        self.patch(module, "PIECE", piece)
        made = list(pieces_of(chunks))
        self.assertEqual(b"".join(made), b"".join(chunks))
        self.assertTrue(all(len(each) == piece for each in made[:-1]))
        self.assertTrue(all(made))


class SweepingTests(PostgresCase):
    """Octets go when no message has them."""

    def expunge(self, account: str = ALICE, name: str = INBOX) -> None:
        mailbox = self.opened(account, name)
        uids = list(self.wait(mailbox.snapshot()).uids)
        self.wait(mailbox.store(uids, FlagChange.ADD, frozenset({DELETED})))
        self.wait(mailbox.expunge())

    def test_last_message(self) -> None:
        """Octets stay as long as one account has them, and go with the last."""
        self.deliver(ALICE, BOB, octets=HELLO)
        self.expunge(ALICE)
        self.assertEqual(self.swept().contents, 0)
        self.assertEqual(self.contents(self.opened(BOB)), [HELLO])
        self.expunge(BOB)
        self.assertEqual(self.swept().contents, 1)
        self.assertEqual(self.count("mail_contents"), 0)

    def test_not_at_once(self) -> None:
        """Octets that came lately stay for a while: somebody may be about to use them again."""
        self.deliver(ALICE, octets=HELLO)
        self.expunge()
        self.assertEqual(self.swept(grace=60).contents, 0)
        self.assertEqual(self.count("mail_contents"), 1)
        self.assertEqual(self.count("mail_released"), 1)

    def test_deleted_mailbox(self) -> None:
        """Octets go with a mailbox that is deleted."""
        account = self.wait(self.store.account(ALICE))
        self.wait(account.create("Old"))
        self.wait(account.append("Old", [NewMessage(Content.of(HELLO))]))
        self.wait(account.delete("Old"))
        self.assertEqual(self.swept().contents, 1)

    def test_removed_account(self) -> None:
        """Nothing is left of an account that was removed, but for what others have too."""
        self.deliver(ALICE, BOB, octets=HELLO)
        self.deliver(ALICE, octets=b"Subject: only\r\n\r\n")
        self.wait(self.store.remove_account(ALICE))
        self.assertEqual(self.swept().contents, 1)
        self.assertEqual(self.count("mail_accounts"), 1)
        self.assertEqual(self.contents(self.opened(BOB)), [HELLO])

    def test_found_again(self) -> None:
        """Octets whose last message went long ago stay when a message is about to get them now."""
        self.deliver(ALICE, octets=HELLO)
        self.expunge()
        session = self.session()
        session.run("UPDATE mail_released SET released = now() - interval '1 day'")
        Contents(session).add(HELLO)
        self.assertEqual(self.swept(grace=3600).contents, 0)
        self.assertEqual(self.count("mail_contents"), 1)

    def test_removed_account_step_by_step(self) -> None:
        """A large account keeps nobody waiting when it is removed: it is gone at once, and its rows go later."""
        self.patch(removing, "STEP_MESSAGES", 1)
        self.patch(removing, "SECONDS", 0)
        for number in range(5):
            self.deliver(ALICE, octets=HELLO + b"%d" % number)
        self.wait(self.store.remove_account(ALICE))
        self.assertEqual(self.count("mail_messages"), 4)
        self.assertEqual(self.contents(self.opened()), [])
        self.swept()
        self.assertEqual((self.count("mail_messages"), self.count("mail_accounts")), (0, 1))

    def test_many(self) -> None:
        """More than one step removes at a time go in one round."""
        with_session = Contents(self.session())
        numbers = [with_session.add(b"%d" % number) for number in range(STEP + 10)]
        with_session.release(numbers)
        self.assertEqual(self.swept().contents, STEP + 10)

    def test_orphans(self) -> None:
        """What a killed process left is found after a day, and only then."""
        Contents(self.session()).add(HELLO)
        self.deliver(ALICE, octets=b"Subject: kept\r\n\r\n")
        self.assertEqual(self.swept().orphans, 0)
        swept = self.swept(orphaned=-1)
        self.assertEqual((swept.orphans, swept.contents), (1, 1))
        self.assertEqual(self.count("mail_contents"), 1)

    def test_one_at_a_time(self) -> None:
        """Of several nodes one does a round."""
        self.deliver(ALICE, octets=HELLO)
        self.expunge()
        other = self.session()
        other.row("SELECT pg_advisory_lock(%s)", (0x6D616974,))
        self.assertEqual(self.swept().contents, 0)
        other.close()
        self.assertEqual(self.swept().contents, 1)

    def test_by_the_clock(self) -> None:
        """A store does its rounds by itself."""
        self.deliver(ALICE, octets=HELLO)
        self.expunge()
        session = self.session()
        session.run("UPDATE mail_contents SET touched = now() - interval '1 day'")
        session.run("UPDATE mail_released SET released = now() - interval '1 day'")
        self.clock.advance(60)
        self.assertEqual(self.count("mail_contents"), 0)


class CheckingTests(PostgresCase):
    """Damage is found."""

    def test_missing(self) -> None:
        """A message without octets is found."""
        self.deliver(ALICE, octets=HELLO)
        session = self.session()
        session.run("DELETE FROM mail_contents")
        self.assertEqual(len(differences(session).missing), 1)
        self.assertEqual(self.contents(self.opened()), [None])

    def test_damaged(self) -> None:
        """Octets that are not what was written are found."""
        self.deliver(ALICE, octets=HELLO)
        session = self.session()
        session.run("UPDATE mail_contents SET octets = %b", (HELLO.swapcase(),))
        self.assertFalse(differences(session).damaged)
        self.assertEqual(len(differences(session, octets=True).damaged), 1)

    def test_damaged_is_not_shared(self) -> None:
        """The same message comes again after the damage was found: it is whole, and the damage is still known."""
        self.deliver(ALICE, octets=HELLO)
        session = self.session()
        session.run("UPDATE mail_contents SET octets = %b", (HELLO.swapcase(),))
        for _ in range(2):
            put_right(session, differences(session, octets=True))
        self.deliver(ALICE, octets=HELLO)
        self.assertEqual(self.contents(self.opened()), [HELLO.swapcase(), HELLO])
        self.assertEqual(len(differences(session, octets=True).damaged), 1)

    def test_miscounted(self) -> None:
        """Wrong figures of a mailbox are found and put right."""
        self.deliver(ALICE, octets=HELLO)
        session = self.session()
        session.run("UPDATE mail_mailboxes SET messages = 7, unseen = 3 WHERE name = %s", (INBOX,))
        found = differences(session)
        self.assertEqual(len(found.miscounted), 1)
        put_right(session, found)
        self.sound()
        status = self.wait(self.wait(self.store.account(ALICE)).status(INBOX))
        self.assertEqual((status.messages, status.unseen), (1, 1))
