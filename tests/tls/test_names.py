"""Names in certificates."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.tls.names import client_name, identities, matches, shown

from .authorities import issue, issued_as_written, self_signed, twice, with_garbage

labels = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\Z")
CERTIFICATE = issue("mx.example.test", "*.wild.test", "192.0.2.1", "2001:db8::1").chain[0]


class MatchTests(SynchronousTestCase):
    """Does it have the name?"""

    def has(self, *names: str, certificate: Any = CERTIFICATE) -> bool:
        return matches(certificate, identities(names))

    def test_names(self) -> None:
        """Exact names and addresses, in any case, with or without a dot at the end; wildcards of one label."""
        for name in ("mx.example.test", "MX.example.TEST.", "a.wild.test", "192.0.2.1", "2001:db8:0::1"):
            self.assertTrue(self.has(name), name)
        for name in ("example.test", "a.mx.example.test", "wild.test", "a.b.wild.test", "192.0.2.2", "test"):
            self.assertFalse(self.has(name), name)
        self.assertTrue(self.has("nowhere.test", "mx.example.test"))
        self.assertFalse(self.has())

    @given(labels)
    def test_wildcard(self, label: str) -> None:
        """A wildcard stands for any one label, never for two."""
        self.assertTrue(self.has(f"{label}.wild.test"))
        self.assertFalse(self.has(f"{label}.{label}.wild.test"))

    @given(labels, labels)
    def test_others(self, first: str, second: str) -> None:
        """No other name is taken for ours."""
        self.assertFalse(self.has(f"{first}.{second}.invalid"))

    @given(st.text(max_size=40))
    def test_any_name(self, name: str) -> None:
        """Whatever is asked for is looked for, or refused as no name."""
        try:
            wanted = identities([name])
        except ValueError:
            return
        matches(CERTIFICATE, wanted)

    def test_names_that_are_none(self) -> None:
        """What is no name matches nothing, not even itself, and does not spoil the names beside it."""
        for wrong in ("*", "*.test", "m*.example.test", "*.*.example.test", "mx.*.test", "192.0.2.1", ""):
            certificate = issued_as_written("good.example.test", wrong)
            self.assertTrue(self.has("good.example.test", certificate=certificate), wrong)
            for name in ("mx.example.test", "192.0.2.1", "mx.test", "test", "mx.a.test"):
                self.assertFalse(self.has(name, certificate=certificate), (wrong, name))

    def test_zero_octets(self) -> None:
        """A name does not end at an octet of zero, where other programs see its end."""
        certificate = issued_as_written("mx.example.test\0.other.test")
        for name in ("mx.example.test", "other.test", "x.other.test"):
            self.assertFalse(self.has(name, certificate=certificate))

    def test_names_as_people_write_them(self) -> None:
        """Names are compared as A-labels, whatever the spelling."""
        certificate = issued_as_written("xn--bcher-kva.test")
        for name in ("bücher.test", "Bücher.TEST", "xn--bcher-kva.test", "XN--Bcher-kva.test."):
            self.assertTrue(self.has(name, certificate=certificate), name)

    def test_names_that_cannot_be_read(self) -> None:
        """A list of names that cannot be read is no reason to go by the common name; one name twice neither."""
        for certificate in (with_garbage("cn.example.test").chain[0], twice("cn.example.test")):
            self.assertFalse(matches(certificate, identities(["cn.example.test"]), common_name=True))
            self.assertIsNone(client_name(certificate))
            self.assertEqual(("cn.example.test",), shown(certificate))
        wrong = issued_as_written("*", common_name="cn.example.test")
        self.assertFalse(matches(wrong, identities(["cn.example.test"]), common_name=True))

    def test_common_name(self) -> None:
        """It counts only where it is asked for, and only where there are no DNS names."""
        alone = self_signed(common_name="cn.example.test").chain[0]
        wanted = identities(["cn.example.test"])
        self.assertFalse(matches(alone, wanted))
        self.assertTrue(matches(alone, wanted, common_name=True))
        beside = issue("other.test", common_name="cn.example.test").chain[0]
        self.assertFalse(matches(beside, wanted, common_name=True))


class ShownTests(SynchronousTestCase):
    """What the log says."""

    def test_shown(self) -> None:
        """The names, the addresses, or the common name; not more than eight."""
        self.assertEqual(("mx.example.test", "*.wild.test", "192.0.2.1", "2001:db8::1"), shown(CERTIFICATE))
        self.assertEqual(("nobody",), shown(self_signed().chain[0]))
        self.assertEqual(8, len(shown(issue(*(f"n{number}.test" for number in range(12))).chain[0])))

    def test_client_name(self) -> None:
        """A mail address before a DNS name before a common name; nothing that is not printable."""
        self.assertEqual("alice@example.test", client_name(issue("alice@example.test", "a.test").chain[0]))
        self.assertEqual("a.test", client_name(issue("a.test", common_name="Alice").chain[0]))
        self.assertEqual("Alice", client_name(issue("192.0.2.1", common_name="Alice").chain[0]))
        self.assertIsNone(client_name(issue("192.0.2.1", common_name="a\nb").chain[0]))
