"""Tests of mailframe.message.verp."""

from __future__ import annotations

from hypothesis import assume, given
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import verp
from mailframe.message.address import PATH_LIMIT, Address, parse_mailbox, parse_path
from mailframe.message.envelope import Envelope, Recipient
from tests import strategies

LIST = parse_mailbox("list@example.test")
BOB = Recipient(parse_mailbox("bob@example.net"))


class VERPTests(SynchronousTestCase):
    """A list sees from the address of a notice who did not get its mail."""

    def test_asked(self) -> None:
        """Each recipient has a reverse-path of its own, with the characters that the sender chose."""
        for value, expected in (
            (None, "list+bob=example.net"),
            ("--", "list-bob-example.net"),
            ("=+", "list=bob+"),
        ):
            path = verp.reverse_path(Envelope(LIST, [], {"XVERP": value}), BOB)
            self.assertTrue(str(path).startswith(expected), path)
            self.assertEqual(path and path.domain, "example.test")
        self.assertTrue(verp.asked(Envelope(LIST, [], {"XVERP": None})))

    def test_not_asked(self) -> None:
        """Without XVERP, and for the null reverse-path, nothing changes."""
        self.assertEqual(verp.reverse_path(Envelope(LIST), BOB), LIST)
        self.assertIsNone(verp.reverse_path(Envelope(None, [], {"XVERP": None}), BOB))
        self.assertFalse(verp.asked(Envelope(None, [], {"XVERP": None})))
        self.assertFalse(verp.asked(Envelope(LIST)))

    def test_original_recipient(self) -> None:
        """The list finds the address that it wrote to, not what an alias made of it."""
        envelope = Envelope(LIST, [], {"XVERP": None})
        for original, named in (
            ("rfc822;robert@example.org", "robert=example.org"),
            ("utf-8;j\\x{F6}rg@example.org", "jörg=example.org"),
            ("x400;bob", "bob=example.net"),
            ("rfc822;nonsense", "bob=example.net"),
        ):
            path = verp.reverse_path(envelope, Recipient(BOB.forward_path, {"ORCPT": original}))
            self.assertEqual(path, Address(f"list+{named}", "example.test"))

    def test_delimiters(self) -> None:
        """Two of three characters, or none for the usual ones."""
        self.assertEqual(verp.parse_delimiters(None), ("+", "="))
        self.assertEqual(verp.parse_delimiters("-="), ("-", "="))
        for wrong in ("", "+", "+=-", "a=", "+\r", "@="):
            self.assertRaises(ValueError, verp.parse_delimiters, wrong)

    @given(strategies.addresses(smtputf8=True), strategies.addresses(smtputf8=True))
    def test_any(self, sender: Address, to: Address) -> None:
        """Whatever the addresses are, the reverse-path is one that hosts take."""
        assume(len(bytes(sender)) + 2 <= PATH_LIMIT)
        path = verp.reverse_path(Envelope(sender, [], {"XVERP": None}), Recipient(to))
        assert path is not None
        octets = b"<" + bytes(path) + b">"
        self.assertLessEqual(len(octets), PATH_LIMIT)
        self.assertEqual(parse_path(octets, smtputf8=True, null_allowed=True), path)
        if path != sender:
            self.assertEqual(path.local_part, f"{sender.local_part}+{to.local_part}={to.domain}")
