"""Names of domains and accounts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.names import (
    address_of,
    checked_domain,
    checked_name,
    comparable_domain,
    comparable_local_part,
    comparable_name,
    name_of,
)
from mailframe.message.address import Address
from mailframe.message.status import MailframeError


class NamesTests(SynchronousTestCase):
    """One form for comparing."""

    def test_domains(self) -> None:
        """Case, a final dot and the two spellings of an international domain make no difference."""
        for domain in ("bücher.test", "BÜCHER.test", "xn--bcher-kva.test.", "XN--BCHER-KVA.TEST"):
            self.assertEqual("xn--bcher-kva.test", comparable_domain(domain))

    def test_local_parts(self) -> None:
        """Case and the two ways to write an accent make no difference."""
        self.assertEqual(comparable_local_part("Zoe\u0308"), comparable_local_part("zo\u00eb"))
        self.assertEqual("alice", comparable_local_part("ALICE"))

    @given(st.text(max_size=60))
    def test_comparing_is_settled(self, name: str) -> None:
        """The form for comparing compares equal to itself, and can be kept by any database."""
        once = comparable_name(name)
        self.assertEqual(once, comparable_name(once))
        once.encode("utf-8")

    @given(st.text(max_size=40))
    def test_what_may_be_added_is_harmless(self, name: str) -> None:
        """An account's name has no slash, no control character and is its own canonical form."""
        try:
            kept = checked_name(f"{name}@example.test")
        except MailframeError:
            return
        self.assertEqual(kept, name_of(address_of(kept)))
        self.assertTrue(kept.isprintable())
        self.assertNotIn("/", kept)
        self.assertFalse(kept.startswith("."))

    @given(st.text(alphabet="aé-.@_1[ \0", max_size=12))
    def test_domains_that_may_be_added(self, domain: str) -> None:
        """A domain that may be added is ASCII in lower case, with no empty label."""
        try:
            kept = checked_domain(domain)
        except MailframeError as error:
            self.assertTrue(error.status.permanent)
            return
        self.assertTrue(kept.isascii())
        self.assertNotIn("", kept.split("."))

    def test_name_of(self) -> None:
        """An address has one account name."""
        self.assertEqual("alice@example.test", name_of(Address("Alice", "EXAMPLE.test")))
