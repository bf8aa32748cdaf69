"""The addresses of From and Sender, where everything depends on them."""

from __future__ import annotations

import email
import email.policy
import email.utils

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.message.mailboxlist import mailboxes
from tests.strategies import addresses

ALICE, BOSS = Address("alice", "x.test"), Address("boss", "x.test")
PIECES = st.sampled_from(
    [
        *("alice@x.test", "boss@x.test", "<alice@x.test>", "<boss@x.test>", '"boss@x.test"', "alice", "boss"),
        *('"', "(", ")", ",", ";", ":", "<", ">", "\\", " ", "\t", "@", "[", "]", "x:", '"a"', "(c)", "[x]"),
        *("@x.test", "x.test", "=?utf-8?q?=2C?=", '\\"', "\0", "\x0b", "\x01", "\x85", "\xa0"),
    ]
)


class MailboxesTests(SynchronousTestCase):
    def test_usual(self) -> None:
        """Names, comments, quotes, groups and literals are understood as the grammar has them."""
        odd = Address("a b", "x.test")
        for octets, *expected in (
            (b"alice@x.test", ALICE),
            (b"Alice B. <alice@X.test>", ALICE),
            (b'"Boss, boss@x.test" <alice@x.test> (boss@x.test)', ALICE),
            (b"=?utf-8?q?B=C3=A9a?= <alice@x.test>", ALICE),
            (b"B\xc3\xa9a <alice@x.test>, boss@x.test", ALICE, BOSS),
            (b"B\xe9a <alice@x.test>", ALICE),
            (b"(a (b) \\)) alice@x.test (boss@x.test)", ALICE),
            (b"alice @ x.test", ALICE),
            (b", alice@x.test,, boss@x.test,", ALICE, BOSS),
            (b'us: A <alice@X.test>, boss@x.test;, "a b"@x.test', ALICE, BOSS, odd),
            (b"us:;", *[]),
            (b"alice@[192.0.2.1]", Address("alice", "[192.0.2.1]")),
            (b'"alice"@x.test', ALICE),
            (b"\xc3\xa9@x.test", Address("\xe9", "x.test")),
            (
                b"alice@b\xc3\xbccher.test, alice@xn--bcher-kva.test",
                *[Address("alice", "b\xfccher.test")] * 2,
            ),
        ):
            self.assertEqual(mailboxes(octets), expected, octets)

    def test_both(self) -> None:
        """Of an address in the place of a name, and the one behind it, none is overlooked."""
        self.assertEqual(mailboxes(b"boss@x.test <alice@x.test>"), [BOSS, ALICE])

    def test_nobody(self) -> None:
        """What some readers take for one address, and some for another, is nobody's."""
        for octets in (
            b"alice",
            b"<>",
            b"<alice@x.test> boss@x.test",
            b"<alice@x.test> <boss@x.test>",
            b"<alice@x.test>, boss",
            b"<boss@x.test <alice@x.test>",
            b"<alice@x.test",
            b"alice@x.test boss@x.test",
            b"alice boss@x.test",
            b'"alice" boss@x.test',
            b"alice@x.test@y.test",
            b"alice@x. test",
            b"alice . b@x.test",
            b"<@x.test:alice@x.test>",
            b"alice@x.test (",
            b"alice@x.test (boss\\)",
            b'alice@x.test, "boss',
            b"alice@x.test; boss@x.test",
            b"us: alice@x.test",
            b"us: them: alice@x.test;;",
            b"us: alice@x.test; boss@x.test",
            b"[boss@x.test] <alice@x.test>",
            b"alice\\@x.test",
            b"alice@x.test\0, boss@x.test",
            b"alice@x.test\r boss@x.test",
            b"boss@x.test\x0b<alice@x.test>",
            b"\xc2\xa0alice@x.test",
            b"\xff@x.test",
            b"a..b@x.test",
        ):
            self.assertIn(None, mailboxes(octets), octets)

    @given(st.lists(PIECES, min_size=1, max_size=6).map("".join))
    def test_other_readers(self, body: str) -> None:
        """Whatever is written: when it counts as Alice's alone, other readers see nobody else."""
        if set(mailboxes(body.encode("latin1").strip(b" \t"))) != {ALICE}:
            return
        message = email.message_from_string(f"From: {body}\r\n\r\n", policy=email.policy.default)
        seen = [address for _, address in email.utils.getaddresses([body])]
        seen += [str(address.addr_spec) for address in message["From"].addresses]
        self.assertEqual([one for one in seen if one.replace(" ", "").endswith("boss@x.test")], [], body)

    @given(st.lists(addresses().filter(lambda one: bool(one.local_part)), min_size=1, max_size=4))
    def test_any_address(self, wanted: list[Address]) -> None:
        """Any address that an envelope may have is found in a header field."""
        self.assertEqual(mailboxes(b", ".join(b"<" + bytes(one) + b">" for one in wanted)), wanted)

    @given(st.binary(max_size=100))
    def test_any(self, octets: bytes) -> None:
        """Whatever is written there, it is addresses or none, never an error."""
        for one in mailboxes(octets):
            self.assertTrue(one is None or isinstance(one, Address))
