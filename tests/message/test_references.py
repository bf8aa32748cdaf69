"""What a message says of the ones before it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.references import LIMIT, chain, number_of, references


class ReferencesTests(SynchronousTestCase):
    """Message-ID, In-Reply-To, References."""

    def test_reply(self) -> None:
        """The one that is answered comes first, then those before it, the nearest first."""
        head = b"Message-ID: <d@x>\r\nIn-Reply-To: <c@x>\r\nReferences: <a@x>\r\n <b@x> <c@x>\r\n <d@x>\r\n\r\nbody"
        self.assertEqual(references(head), (b"d@x", (b"c@x", b"b@x", b"a@x")))

    def test_without_in_reply_to(self) -> None:
        """Where nothing says which one is answered, it is the last one."""
        self.assertEqual(references(b"References: <a@x> <b@x>\r\n\r\n"), (None, (b"b@x", b"a@x")))

    def test_words(self) -> None:
        """Words around the ids, as some programs write them, are passed over."""
        head = b"In-Reply-To: Your message of Monday <a@x>\r\nMessage-Id:   nonsense\r\n\r\n"
        self.assertEqual(references(head), (None, (b"a@x",)))

    def test_many(self) -> None:
        """Of very many references the first and the last count."""
        ids = [b"<%d@x>" % number for number in range(1000)]
        _, found = references(b"References: " + b"\r\n ".join(ids) + b"\r\n\r\n")
        self.assertEqual(len(found), LIMIT)
        self.assertEqual((found[0], found[-1]), (b"999@x", b"0@x"))

    def test_chain(self) -> None:
        """THREAD takes the oldest first, In-Reply-To only where there is no References, and ids without quotes."""
        head = b'Message-ID: <"d"@x>\r\nIn-Reply-To: <a@x>\r\nReferences: <a@x> <b@x> <a@x>\r\n\r\nbody'
        self.assertEqual(chain(head), (b"d@x", (b"a@x", b"b@x")))
        self.assertEqual(chain(b"In-Reply-To: <a@x> <b@x>\r\n\r\n"), (None, (b"a@x",)))

    @given(st.binary(max_size=500))
    def test_anything(self, octets) -> None:
        """Any octets refer to something or nothing, never to themselves."""
        own, others = references(octets)
        self.assertNotIn(own, others)
        self.assertEqual(len(set(others)), len(others))
        for reference in others:
            self.assertLess(abs(number_of(reference)), 1 << 63 | 1)
