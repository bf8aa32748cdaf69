"""The contract of SEARCH: each key, their combinations, and text in any encoding."""

from __future__ import annotations

from datetime import date

from mailframe.store.search_keys import (
    All,
    And,
    Arrived,
    Dated,
    HasFlag,
    HasID,
    HeaderContains,
    ModseqAtLeast,
    Not,
    Or,
    SearchKey,
    Size,
    TextContains,
    UIDs,
)
from mailframe.store.values import FLAGGED, INBOX, SEEN, FlagChange, Item

from .fixture import StoreFixture, new

PLAIN = (
    b"From: Bob <bob@example.test>\r\nSubject: Apples and Pears\r\n"
    b"Date: Mon, 2 Mar 2020 23:30:00 -0800\r\n\r\nRed apples.\r\n"
)
ENCODED = (
    b"From: =?utf-8?q?Zo=C3=AB?= <zoe@example.test>\r\n"
    b"Subject: =?iso-8859-1?q?Gr=FC=DFe?= =?utf-8?b?IGF1cyBLw7ZsbiE=?=\r\n"
    b"Date: 3 Mar 2020 01:00:00 +0000\r\nX-Empty:\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6ne Gr=FC=\r\n=DFe\r\n"
)
MULTIPART = (
    b"From: carol@example.test\r\nSubject: two\r\n  parts\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=XX\r\n\r\npreamble\r\n--XX\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"aGlkZGVuIHRyZWFzdXJlCg==\r\n--XX\r\nContent-Type: image/png\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--XX--\r\n"
)
MAY_1_2021 = 1_619_827_200
"""Midnight, UTC."""


class SearchContract(StoreFixture):
    """`IMailbox.search`."""

    async def prepare(self) -> None:
        """Three messages: plain, encoded, with parts."""
        self.found_uids = await self.append(
            new(PLAIN, [SEEN, "Work"], MAY_1_2021),
            new(ENCODED, [FLAGGED], MAY_1_2021 - 1),
            new(MULTIPART, [], MAY_1_2021 + 86_400),
        )
        self.mailbox = await self.opened()

    async def expect(self, key: SearchKey, *numbers: int) -> None:
        """The key must find exactly these of the three (1, 2, 3)."""
        result = await self.mailbox.search(key)
        wanted = [self.found_uids[number - 1] for number in numbers]
        self.assertEqual(list(result.uids), wanted, key)

    async def test_row_keys(self) -> None:
        """Flags, keywords in any case, sizes, UIDs and modseqs find what they name."""
        await self.prepare()
        first, second, third = self.found_uids
        await self.expect(All(), 1, 2, 3)
        await self.expect(HasFlag(SEEN), 1)
        await self.expect(HasFlag("wORK"), 1)
        await self.expect(HasFlag("nothing"))
        await self.expect(UIDs(((first, first), (third, 4_000_000_000))), 1, 3)
        await self.expect(UIDs(((second, third), (first, second))), 1, 2, 3)
        await self.expect(UIDs(()))
        await self.expect(Size(larger=len(PLAIN)), 2, 3)
        await self.expect(Size(smaller=len(PLAIN) + 1), 1)
        await self.expect(Size(smaller=len(PLAIN)))
        await self.expect(ModseqAtLeast(1), 1, 2, 3)

    async def test_logic(self) -> None:
        """AND, OR and NOT combine, however deep."""
        await self.prepare()
        await self.expect(And(()), 1, 2, 3)
        await self.expect(And((Not(HasFlag(SEEN)), Not(HasFlag(FLAGGED)))), 3)
        await self.expect(Or(HasFlag(SEEN), TextContains("treasure")), 1, 3)
        await self.expect(Not(Or(HasFlag(SEEN), TextContains("treasure"))), 2)
        await self.expect(And((HasFlag(SEEN), TextContains("treasure"))))
        deep: SearchKey = HasFlag(SEEN)
        for _ in range(20):
            deep = Not(And((deep, All())))
        await self.expect(deep, 1)

    async def test_dates(self) -> None:
        """Internal dates are days in UTC; a message's own date is the day it says, in its own zone."""
        await self.prepare()
        day = date(2021, 5, 1).toordinal()
        await self.expect(Dated("internal", since=day), 1, 3)
        await self.expect(Dated("internal", before=day), 2)
        await self.expect(Dated("internal", since=day, before=day + 1), 1)
        sent = date(2020, 3, 2).toordinal()
        await self.expect(Dated("sent", since=sent, before=sent + 1), 1)
        await self.expect(Dated("sent", since=sent + 1), 2)
        await self.expect(Dated("saved", since=date(2000, 1, 1).toordinal()), 1, 2, 3)
        await self.expect(Dated("saved", before=date(1999, 1, 1).toordinal()))

    async def test_arrived(self) -> None:
        """Internal dates are found to the second."""
        await self.prepare()
        await self.expect(Arrived(since=MAY_1_2021), 1, 3)
        await self.expect(Arrived(before=MAY_1_2021), 2)
        await self.expect(Arrived(since=MAY_1_2021 - 1, before=MAY_1_2021 + 1), 1, 2)
        await self.expect(Arrived(since=MAY_1_2021 + 86_401))

    async def test_object_ids(self) -> None:
        """Object ids find their messages, also those THREADIDs that nobody has asked for yet."""
        await self.prepare()
        await self.expect(HasID("thread", "T-nobody-has-this"))
        first = (await self.mailbox.fetch(self.found_uids[:1], Item.IDENTITY))[0]
        answer = PLAIN.replace(b"Subject:", b"Message-ID: <two@example.test>\r\nSubject:")
        (fourth,) = await self.append(new(answer, [], MAY_1_2021))
        later = await self.opened()
        found = await later.search(HasID("email", first.email_id))
        self.assertEqual(list(found.uids), self.found_uids[:1])
        searched = await later.search(Not(HasID("thread", first.thread_id)))
        (same,) = await later.fetch([fourth], Item.IDENTITY)
        self.assertEqual(fourth in searched.uids, same.thread_id != first.thread_id)
        self.assertEqual(list((await later.search(HasID("thread", same.thread_id))).uids)[-1], fourth)

    async def test_header(self) -> None:
        """Fields are searched decoded and unfolded, in any case; an empty text asks only for the field."""
        await self.prepare()
        await self.expect(HeaderContains("subject", "APPLES AND"), 1)
        await self.expect(HeaderContains("Subject", "grüße aus köln"), 2)
        await self.expect(HeaderContains("SUBJECT", "two  parts"), 3)
        await self.expect(HeaderContains("From", "zoë"), 2)
        await self.expect(HeaderContains("From", "example.test"), 1, 2, 3)
        await self.expect(HeaderContains("X-Empty", ""), 2)
        await self.expect(HeaderContains("X-Missing", ""))
        await self.expect(HeaderContains("Subject", "bob"))

    async def test_text(self) -> None:
        """BODY looks into the decoded text of the body, TEXT also into the header."""
        await self.prepare()
        await self.expect(TextContains("red APPLES"), 1)
        await self.expect(TextContains("SCHÖNE GRÜßE"), 2)
        await self.expect(TextContains("hidden treasure"), 3)
        await self.expect(TextContains("Köln"))
        await self.expect(TextContains("Köln", header=True), 2)
        await self.expect(TextContains("apples", header=True), 1)
        await self.expect(TextContains("nowhere at all", header=True))

    async def test_shown_text(self) -> None:
        """Of HTML there is the text that a reader sees, and of attachments the name."""
        html = (
            b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=XX\r\n\r\n--XX\r\n"
            b"Content-Type: text/html; charset=utf-8\r\n\r\n<style>p {color: red}</style>"
            b"<p>Caf&eacute;<br>re<b>serv</b>ation\r\n--XX\r\nContent-Type: application/pdf\r\n"
            b"Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf\r\n\r\nx\r\n--XX--\r\n"
        )
        self.found_uids = await self.append(new(PLAIN), new(html))
        self.mailbox = await self.opened()
        await self.expect(TextContains("café reservation"), 2)
        await self.expect(TextContains("RÉSUMÉ.pdf"), 2)
        for hidden in ("color", "style", "<b>", "&eacute"):
            await self.expect(TextContains(hidden))

    async def test_many_messages(self) -> None:
        """In a large mailbox, too, text finds what is there now, and nothing else."""
        numbers = range(1, 151)
        self.found_uids = await self.append(
            *(new(b"Subject: s%d end\r\nX-Odd: %d\r\n\r\nb%d end\r\n" % (n, n % 2, n)) for n in numbers)
        )
        self.mailbox = await self.opened()
        odd = [n for n in numbers if n % 2]
        for _ in range(2):
            await self.expect(TextContains("B77 e"), 77)
            await self.expect(TextContains("s77 e"))
            await self.expect(TextContains("s77 e", header=True), 77)
            await self.expect(HeaderContains("subject", "S7 "), 7)
            await self.expect(HeaderContains("x-odd", "1"), *odd)
            await self.expect(
                And((HeaderContains("x-odd", "1"), Not(TextContains("b9")))),
                *[n for n in odd if not str(n).startswith("9")],
            )
            await self.expect(Or(TextContains("b5 "), HasFlag(FLAGGED)), 5)
        await self.mailbox.remove(self.found_uids[:100])
        self.found_uids += await self.append(new(b"Subject: late\r\n\r\nb77 ends\r\n"))
        await self.expect(TextContains("b77 e"), 151)
        await self.expect(HeaderContains("x-odd", ""), *range(101, 151))
        copied = await self.mailbox.copy(self.found_uids[140:], "Sent")
        self.mailbox, self.found_uids = await self.opened("Sent"), [0] * 140 + list(copied.target)
        await self.expect(TextContains("b77 e"), 151)

    async def test_highest_modseq(self) -> None:
        """The answer has the highest modseq of what was found, 0 for nothing."""
        await self.prepare()
        stored = await self.mailbox.store(self.found_uids[:1], FlagChange.ADD, frozenset({FLAGGED}))
        self.assertEqual((await self.mailbox.search(All())).modseq, stored.modseq)
        self.assertEqual((await self.mailbox.search(HasFlag(SEEN))).modseq, stored.modseq)
        self.assertLess((await self.mailbox.search(Not(HasFlag(SEEN)))).modseq, stored.modseq)
        self.assertEqual((await self.mailbox.search(HasFlag("nothing"))).modseq, 0)
        await self.expect(ModseqAtLeast(stored.modseq), 1)

    async def test_after_changes(self) -> None:
        """Search sees flags and messages as they are now."""
        await self.prepare()
        await (await self.opened()).remove(self.found_uids[:1])
        await self.mailbox.store(self.found_uids[1:2], FlagChange.ADD, frozenset({SEEN}))
        await self.expect(HasFlag(SEEN), 2)
        await self.expect(All(), 2, 3)

    async def test_empty_mailbox(self) -> None:
        """Nothing is found in an empty mailbox."""
        mailbox = await self.opened("Sent")
        result = await mailbox.search(And((All(), TextContains("x", header=True))))
        self.assertEqual((list(result.uids), result.modseq), ([], 0))
        self.assertNotEqual(mailbox.name, INBOX)
