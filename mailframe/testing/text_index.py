"""The contract of an index of texts (`mailframe.store.text.interfaces.TextIndex`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mailframe.store.catalogue.rows import MailboxRow
from mailframe.store.text.interfaces import (
    InBody,
    InField,
    InHeader,
    MessageText,
    SentOn,
    TextIndex,
    Wanted,
)

if TYPE_CHECKING:
    # A contract is no test by itself; for the type checker it has a test's methods.
    from unittest import TestCase as _Case
else:
    _Case = object


def mailbox_row(
    id_: int = 1, mailbox_id: str = "F1", uidvalidity: int = 1, uidnext: int = 1 << 20, messages: int = 0
) -> MailboxRow:
    """A mailbox as a catalogue has it."""
    numbers: Any = dict.fromkeys(MailboxRow._fields, 0)
    return MailboxRow(**numbers)._replace(
        name="INBOX",
        folder="",
        special_use=None,
        id=id_,
        mailbox_id=mailbox_id,
        uidvalidity=uidvalidity,
        uidnext=uidnext,
        messages=messages,
    )


def text(
    uid: int, body: str = "", subject: str = "", sent: int | None = None, whole: bool = True
) -> MessageText:
    """A text with two fields."""
    return MessageText(uid, (("subject", subject), ("x-number", str(uid))), body, sent, whole)


def says(kept: MessageText, wanted: Wanted) -> bool:
    """What an index must answer of one text."""
    match wanted:
        case InField(name, needle):
            return any(each == name and needle in body for each, body in kept.fields)
        case InHeader(needle):
            return any(needle in f"{name}: {body}" for name, body in kept.fields) or not needle
        case InBody(needle):
            return needle in kept.body
        case SentOn(since, before):
            sent = kept.sent
            return sent is not None and (since is None or sent >= since) and (before is None or sent < before)


class TextIndexContract(_Case):
    """What every `TextIndex` does. The class that has it gives `index`, made anew for each test."""

    index: TextIndex

    def ask(self, wanted: Wanted, mailbox: MailboxRow | None = None) -> tuple[list[int], list[int]]:
        """UIDs that have it, and those that the index cannot tell of."""
        uids: list[int] = []
        unsure: list[int] = []
        first: int | None = 1
        while first is not None:
            found = self.index.find(mailbox or mailbox_row(), wanted, first)
            uids.extend(found.uids)
            unsure.extend(found.unsure)
            first = found.next
        return uids, unsure

    def expect(self, texts: Sequence[MessageText], wanted: Wanted) -> None:
        """The index must say what texts say."""
        uids, unsure = self.ask(wanted)
        self.assertEqual(uids, [each.uid for each in texts if says(each, wanted)], wanted)
        self.assertEqual(
            unsure, [each.uid for each in texts if not each.whole and not says(each, wanted)], wanted
        )

    def test_finds(self) -> None:
        """Texts are found by any part of them, where it was looked for and nowhere else."""
        texts = [
            text(2, "red apples", "fruit: green", 737_000),
            text(3, "", "red pears"),
            text(7, "grüne äpfel \N{SNOWMAN} 100%_\\ ", "", 737_001),
        ]
        self.index.add(mailbox_row(), texts, 1, 8)
        for needle in (
            "red",
            "d",
            "apples",
            "äpfel",
            "%",
            "_",
            "\\",
            "\N{SNOWMAN}",
            "7",
            "",
            "subject: r",
            "apples\n",
        ):
            for wanted in (
                InField("subject", needle),
                InField("x-number", needle),
                InHeader(needle),
                InBody(needle),
            ):
                self.expect(texts, wanted)
        for since, before in ((None, None), (737_000, 737_001), (737_001, None), (None, 737_000)):
            self.expect(texts, SentOn(since, before))

    def test_field_names(self) -> None:
        """A field is found by its whole name, and no text looks like the name of one."""
        self.index.add(mailbox_row(), [text(1, "", "x-other: red"), text(2, "", "red")], 1, 3)
        self.assertEqual(self.ask(InField("subject", "red")), ([1, 2], []))
        for name in ("x-other", "ject", "subject: x-other", "subj", "", "sub ject", "ä"):
            self.assertEqual(self.ask(InField(name, "red")), ([], []), name)

    def test_not_across(self) -> None:
        """What one message ends with, and the next begins with, is no match; nor are two fields."""
        self.index.add(mailbox_row(), [text(1, "abc", "one"), text(2, "def", "two")], 1, 3)
        for wanted in (InBody("cd"), InBody("c\ndef"), InHeader("onex"), InHeader("1subject")):
            self.assertEqual(self.ask(wanted), ([], []))

    def test_not_whole(self) -> None:
        """A text that is not whole is found by what is kept; otherwise the index says that it cannot tell."""
        texts = [text(1, "begin", whole=False), text(2, "begin"), text(3, "begin", whole=False)]
        self.index.add(mailbox_row(), texts, 1, 4)
        self.assertEqual(self.ask(InBody("begin")), ([1, 2, 3], []))
        self.assertEqual(self.ask(InBody("end")), ([], [1, 3]))

    def test_covered(self) -> None:
        """It knows how far it has got, in each mailbox; messages that are gone leave no gap."""
        one, other = mailbox_row(), mailbox_row(2, "F2")
        self.assertEqual(self.index.covered(one), 1)
        self.index.add(one, [text(3, "a")], 1, 5)
        self.index.add(one, [], 5, 9)
        self.index.add(one, [text(12, "a")], 9, 13)
        self.assertEqual((self.index.covered(one), self.index.covered(other)), (13, 1))
        self.assertEqual(self.ask(InBody("a")), ([3, 12], []))
        self.assertEqual(self.ask(InBody("a"), other), ([], []))

    def test_somebody_was_faster(self) -> None:
        """What two processes read at the same time is kept once."""
        self.index.add(mailbox_row(), [text(1, "first")], 1, 2)
        self.index.add(mailbox_row(), [text(1, "late"), text(2, "late")], 1, 3)
        self.assertEqual(self.index.covered(mailbox_row()), 2)
        self.assertEqual(self.ask(InBody("late")), ([], []))

    def test_another_mailbox(self) -> None:
        """Texts of a mailbox that was made anew, or whose UIDs were, are void."""
        self.index.add(mailbox_row(), [text(1, "old")], 1, 2)
        for other in (mailbox_row(mailbox_id="F2"), mailbox_row(uidvalidity=2)):
            self.assertEqual(self.index.covered(other), 1)
            self.assertEqual(self.ask(InBody("old"), other), ([], []))
        new = mailbox_row(uidvalidity=2)
        self.index.add(new, [text(1, "new")], 1, 2)
        self.assertEqual(self.ask(InBody("new"), new), ([1], []))
        self.assertEqual(self.ask(InBody("old"), new), ([], []))

    def test_tidy(self) -> None:
        """Texts of what is gone are dropped, and what is there is still found."""
        one, other = mailbox_row(messages=500), mailbox_row(2, "F2")
        for mailbox in (one, other):
            for start in range(1, 2001, 250):
                texts = [text(uid, f"number {uid} " + "x" * 2000) for uid in range(start, start + 250)]
                self.index.add(mailbox, texts, start, start + 250)
        before = self.index.size()
        self.assertEqual(before.messages, 4000)
        alive = range(1000, 1500)
        rounds = 0
        while self.index.tidy([one], lambda mailbox: alive):
            rounds += 1
            self.assertLess(rounds, 1000)
        self.assertLess(self.index.size().messages, 900)
        self.assertLess(self.index.size().octets, before.octets)
        self.assertEqual(self.ask(InBody("number 1234 "), one), ([1234], []))
        self.assertEqual(self.index.covered(one), 2001)
        self.assertEqual(self.index.covered(other), 1)

    def test_tidy_while_mail_comes(self) -> None:
        """What another process adds while messages are asked for is not taken for gone."""
        one = mailbox_row(messages=100)
        texts = [text(uid, "early " + "x" * 1000) for uid in range(1, 1001)]
        self.index.add(one, texts, 1, 1001)

        def alive(mailbox: MailboxRow) -> Sequence[int]:
            self.index.add(one, [text(uid, "late") for uid in range(1001, 1101)], 1001, 1101)
            return range(1, 101)

        self.index.tidy([one], alive)
        while self.index.tidy([one], lambda mailbox: [*range(1, 101), *range(1001, 1101)]):
            pass
        self.assertEqual(self.ask(InBody("early"), one), (list(range(1, 101)), []))
        self.assertEqual(self.ask(InBody("late"), one), (list(range(1001, 1101)), []))

    def test_close_twice(self) -> None:
        """It can be closed twice."""
        self.index.close()
        self.index.close()
