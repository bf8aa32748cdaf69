"""How octets lie in files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.line_ends import Form, length_with_crlf, look, stored, with_crlf

OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b"."])).map(b"".join)


class StoredTests(SynchronousTestCase):
    """What is written for a message can be told again, octet for octet."""

    @given(OCTETS, st.sampled_from(["lf", "crlf"]))
    def test_there_and_back(self, octets: bytes, line_ends: str) -> None:
        """Whatever line ends a message has, it comes back exact."""
        on_disk, form = stored(octets, line_ends)
        self.assertEqual(with_crlf(on_disk, form), octets)
        self.assertEqual(length_with_crlf(on_disk, form), len(octets))

    def test_lf(self) -> None:
        """An ordinary message is written with LF, as other programs expect."""
        self.assertEqual(stored(b"a\r\nb\r\n", "lf"), (b"a\nb\n", Form.LF))
        self.assertEqual(stored(b"a\r\nb\r\n", "crlf"), (b"a\r\nb\r\n", Form.VERBATIM))
        self.assertEqual(stored(b"a\nb\r\n", "lf"), (b"a\nb\r\n", Form.VERBATIM))

    @given(st.lists(OCTETS))
    def test_look(self, pieces: list[bytes]) -> None:
        """Another program's file has the size that it is read with, however it is cut into pieces."""
        form, size = look(pieces)
        octets = b"".join(pieces)
        self.assertEqual(len(with_crlf(octets, form)), size)
        self.assertEqual(look([octets]), (form, size))
        if form is not Form.VERBATIM:
            self.assertNotIn(b"\n", with_crlf(octets, form).replace(b"\r\n", b""))

    @given(OCTETS, OCTETS, st.sampled_from(list(Form)))
    def test_pieces(self, first: bytes, second: bytes, form: Form) -> None:
        """Pieces of a file are the pieces of the message."""
        after_cr = first.endswith(b"\r")
        both = with_crlf(first, form) + with_crlf(second, form, after_cr and form is Form.MIXED)
        self.assertEqual(both, with_crlf(first + second, form))
        if form is not Form.LF:
            self.assertEqual(length_with_crlf(second, form, after_cr), len(with_crlf(second, form, after_cr)))
