"""Whatever a server does: no exception, one status a recipient, nothing sent after a refusal."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.message.envelope import Recipient
from mailframe.message.status import MailframeError
from mailframe.smtp.client import downgrade
from mailframe.smtp.client.content import examine, normalised
from mailframe.smtp.client.core import ClientCore
from mailframe.smtp.client.opening import greeting, hello
from mailframe.smtp.client.sender import gathered
from mailframe.smtp.client.transaction import Commands, Transaction, Verdict
from mailframe.testing.smtp_server import DROP, SILENCE, Answer, ScriptedServer
from tests.strategies import mime_messages

from .harness import ClientCase, message

REPLIES = (
    "250 2.0.0 OK", "250 OK", "251 2.1.5 Forwarded", "252 Perhaps", "354 Go on", "334 abc", "421 4.3.2 Bye", "450 4.2.0 Wait",
    "451 Later", "452 4.5.3 Too many", "452 4.2.2 Full", "550 5.1.1 No", "552 Too many", "552 5.3.4 Large", "554 No",
    "220 Hello", "hello", "250-a\r\n250 b", "250-a\r\n550 b", "250 OK\r\n250 OK", "599", "",
)  # fmt: skip


def answers() -> st.SearchStrategy[Answer]:
    """What a server may say at any step."""
    return st.one_of(st.sampled_from(REPLIES), st.sampled_from(REPLIES), st.sampled_from([DROP, SILENCE]))


def scripts() -> st.SearchStrategy[dict[str, list[Answer]]]:
    """Answers for some steps, a few each."""
    steps = [
        "CONNECT",
        "EHLO",
        "LHLO",
        "HELO",
        "MAIL",
        "RCPT",
        "DATA",
        "BDAT",
        "BLOCK",
        "END",
        "RSET",
        "QUIT",
    ]
    mail_steps = st.sampled_from([step for step in steps if step not in ("CONNECT", "EHLO", "LHLO", "HELO")])
    return st.one_of(
        st.dictionaries(mail_steps, st.lists(answers(), min_size=1, max_size=4), max_size=5),
        st.dictionaries(st.sampled_from(steps), st.lists(answers(), min_size=1, max_size=4), max_size=4),
    )


def keyword_lists() -> st.SearchStrategy[list[str]]:
    """Offers."""
    return st.lists(
        st.sampled_from(
            [
                "PIPELINING",
                "CHUNKING",
                "8BITMIME",
                "SIZE",
                "SIZE 10",
                "DSN",
                "LIMITS RCPTMAX=2 MAILMAX=3",
                "SMTPUTF8",
            ]
        ),
        unique=True,
    )


class AnyServerTests(ClientCase):
    """The whole client with a server that answers anything."""

    @settings(max_examples=250)
    @given(
        keyword_lists(), scripts(), st.sampled_from(["smtp", "lmtp"]), st.integers(0, 20), st.booleans(), st.booleans(),
        st.integers(1, 5),
    )  # fmt: skip
    def test_any_answers(
        self,
        keywords: list[str],
        script: dict[str, list[Answer]],
        protocol: str,
        segment: int,
        chunking: bool,
        together: bool,
        count: int,
    ) -> None:
        """Each recipient has exactly one status, and a success is a message that the server has."""
        self.clock = Clock()
        server = self.serve(keywords, script, segment=segment, protocol=protocol)
        connecting = self.start(self.connector(chunking=chunking, chunk=1024).connect(self.target()))
        self.pass_time()
        try:
            client = self.result_of(connecting)
        except MailframeError as error:
            self.assertFalse(error.status.success)
            return
        content = b"Subject: x\r\n\r\n" + b".line\r\n" * 400
        recipients = [Recipient(Address(f"user{number}", "example.test")) for number in range(count)]
        mail = message(content, *recipients)
        for _ in range(2):
            before = len(server.messages)
            sending = self.start(client.send(mail, recipients, together=together))
            self.pass_time()
            outcome = self.successResultOf(sending)
            self.assertEqual([each.recipient for each in outcome.recipients], recipients)
            taken = [rcpt for got in server.messages[before:] for rcpt in got.rcpts]
            self.assertEqual(len(taken), len(set(taken)))
            for each in outcome.recipients:
                path = f"<{each.recipient.forward_path}>"
                if each.status.success:
                    self.assertIn(path, taken)
                if path in taken and each.possibly_delivered:
                    self.assertTrue(each.status.temporary)
            for got in server.messages[before:]:
                self.assertEqual(got.octets, content)
        self.assertEqual([event for event in self.flushLoggedErrors() if event], [])

    def pass_time(self) -> None:
        """Long enough for every timeout."""
        for _ in range(12):
            self.clock.advance(700)

    def result_of(self, deferred: object) -> object:
        """The result, or what was raised."""
        results: list[object] = []
        deferred.addBoth(results.append)  # type: ignore[attr-defined]
        self.assertEqual(len(results), 1)
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]


class AnyOctetsTests(SynchronousTestCase):
    """The core alone, fed with anything."""

    @settings(max_examples=300)
    @given(
        st.lists(
            st.one_of(
                st.sampled_from([reply.encode() + b"\r\n" for reply in REPLIES]),
                st.binary(max_size=12),
            ),
            max_size=14,
        ),
        st.lists(st.integers(1, 30), min_size=1, max_size=6),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["smtp", "lmtp"]),
        st.integers(1, 4),
    )
    def test_never_raises(
        self,
        pieces: list[bytes],
        sizes: list[int],
        pipelining: bool,
        chunked: bool,
        protocol: str,
        count: int,
    ) -> None:
        """Octets of any kind, at any time: a verdict for each recipient, and no data behind a refusal."""
        core = ClientCore("mx.example.test", protocol)  # type: ignore[arg-type]
        opened = core.begin(greeting(core))
        core.receive(b"220 hi\r\n")
        self.assertTrue(opened.done)
        said = core.begin(hello(core, b"client.example.test"))
        core.receive(
            b"250-mx\r\n250-CHUNKING\r\n" + (b"250-PIPELINING\r\n" if pipelining else b"") + b"250 X\r\n"
        )
        self.assertTrue(said.done)
        core.outgoing()
        rcpts = [b"RCPT TO:<u%d@example.test>" % number for number in range(count)]
        transaction = Transaction(core, Commands(b"MAIL FROM:<>", rcpts, chunked))
        exchange = core.begin(transaction.dialogue())
        sent = core.outgoing()
        content = [b"one\r\n", b"two\r\n"]
        stream, position, turn = b"".join(pieces), 0, 0
        while not exchange.done:
            if core.wants_content:
                if content:
                    core.content(content.pop(0))
                else:
                    core.content_ends()
                sent += core.outgoing()
            elif position < len(stream):
                size = sizes[turn % len(sizes)]
                turn += 1
                core.receive(stream[position : position + size])
                position += size
                sent += core.outgoing()
            else:
                core.lost()
        verdicts: Sequence[Verdict] = exchange.result()
        self.assertEqual(len(verdicts), count)
        accepted = any(verdict.status.success for verdict in verdicts)
        if accepted:
            self.assertTrue(sent.endswith((b"two\r\n.\r\n", b"BDAT 5 LAST\r\ntwo\r\n")))
        if b"one" in sent:
            self.assertTrue(any(verdict.phase.value in ("block", "end") for verdict in verdicts))
        self.assertTrue(all(not each.possibly_delivered or each.status.temporary for each in verdicts))


class ContentTests(SynchronousTestCase):
    """What is known of content, and what is made of it."""

    @given(
        st.lists(
            st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\r\n\r\n", b"\xc3\xbc", b"\xff", b"b:"]),
            max_size=30,
        )
    )
    def test_facts(self, pieces: list[bytes]) -> None:
        """The facts are those of the whole, however it comes in pieces."""
        whole = b"".join(pieces)
        facts = examine(pieces)
        self.assertEqual(facts, examine([whole]))
        self.assertEqual(facts, examine([whole[place : place + 1] for place in range(len(whole))]))
        rest = whole.replace(b"\r\n", b"")
        self.assertEqual(facts.bare, b"\r" in rest or b"\n" in rest)
        self.assertEqual(facts.size, len(whole))
        self.assertEqual(facts.ended, not whole or whole.endswith(b"\r\n"))
        self.assertEqual(facts.eight_bit, not whole.isascii())

    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b"\r\n."]), max_size=30))
    def test_normalised(self, pieces: list[bytes]) -> None:
        """Line ends become CRLF, each one once; what has only those stays as it is."""
        made = b"".join(normalised(pieces))
        self.assertEqual(made, b"".join(normalised([b"".join(pieces)])))
        facts = examine([made])
        self.assertFalse(facts.bare)
        self.assertTrue(facts.ended)
        whole = b"".join(pieces)
        if not examine([whole]).bare and examine([whole]).ended:
            self.assertEqual(made, whole)
        self.assertEqual(made.replace(b"\r\n", b""), whole.replace(b"\r", b"").replace(b"\n", b""))

    @given(st.lists(st.binary(max_size=9), max_size=12), st.integers(1, 7))
    def test_gathered(self, pieces: list[bytes], size: int) -> None:
        """Pieces of one size, but for the last, and the same octets."""
        found = list(gathered(pieces, size))
        self.assertEqual(b"".join(found), b"".join(pieces))
        self.assertTrue(all(len(piece) == size for piece in found[:-1]))
        self.assertTrue(all(found))

    @settings(max_examples=150)
    @given(mime_messages(), st.integers(1, 200), st.sampled_from(["7bit", "8bit"]))
    def test_downgrade(self, octets: bytes, size: int, target: downgrade.Target) -> None:
        """A message is converted to what it was asked for, with the same parts, or refused."""
        pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
        try:
            changes = downgrade.plan(lambda: iter(pieces), target)
        except MailframeError as error:
            self.assertEqual(error.status.code, "5.6.3")
            return
        made = b"".join(downgrade.changed(iter(pieces), changes))
        self.assertEqual(made, b"".join(downgrade.changed(iter([octets]), changes)))
        if target == "7bit":
            self.assertTrue(made.isascii())
        self.assertFalse(examine([made]).bare and not examine([octets]).bare)
        if not changes:
            self.assertEqual(made, octets)
        before = email.message_from_bytes(octets, policy=email.policy.compat32)
        after = email.message_from_bytes(made, policy=email.policy.compat32)
        self.assertEqual(
            [part.get_content_type() for part in before.walk()],
            [part.get_content_type() for part in after.walk()],
        )

    @given(st.binary(max_size=600), st.integers(1, 100), st.sampled_from(["text/plain", "image/png"]))
    def test_body_survives(self, body: bytes, size: int, kind: str) -> None:
        """Whatever the octets of a part, they come out again after decoding."""
        octets = b"Content-Type: %b\r\nContent-Transfer-Encoding: binary\r\n\r\n%b" % (kind.encode(), body)
        pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
        made = b"".join(downgrade.changed(iter(pieces), downgrade.plan(lambda: iter(pieces), "7bit")))
        self.assertEqual(email.message_from_bytes(made).get_payload(decode=True), body)

    @given(
        st.lists(st.binary(max_size=120).map(lambda raw: raw.translate(None, b"\r\n")), max_size=6),
        st.integers(1, 90),
    )
    def test_text_survives(self, lines: list[bytes], size: int) -> None:
        """8-bit text comes out of quoted-printable line for line, in lines that any server takes."""
        body = b"".join(line + b"\r\n" for line in lines)
        octets = b"Content-Type: text/plain; charset=latin1\r\n\r\n" + body
        pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
        made = b"".join(downgrade.changed(iter(pieces), downgrade.plan(lambda: iter(pieces), "7bit")))
        self.assertEqual(email.message_from_bytes(made).get_payload(decode=True), body)
        if not body.isascii():
            self.assertTrue(all(len(line) <= 78 for line in made.split(b"\r\n\r\n", 1)[1].split(b"\r\n")))


class FakeTests(SynchronousTestCase):
    """The fake server is worth trusting."""

    def test_scripts(self) -> None:
        """Answers are used up one by one, and the last one stays."""
        server = ScriptedServer(answers={"MAIL": ["250 a", "250 b"]})
        self.assertEqual([server.answer("MAIL") for _ in range(3)], ["250 a", "250 b", "250 b"])
        self.assertIsNone(server.answer("RCPT"))
