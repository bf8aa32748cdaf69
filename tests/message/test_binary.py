"""Binary parts made base64."""

from __future__ import annotations

import email

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.binary import has_binary, without_binary
from mailframe.message.scanner import scan

NASTY = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"a", b"--", b"."]), max_size=30).map(b"".join),
)


def cut(octets: bytes, size: int) -> list[bytes]:
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def converted(octets: bytes, size: int = 65536) -> bytes:
    return b"".join(without_binary(scan(cut(octets, size)), cut(octets, size)))


class BinaryTests(SynchronousTestCase):
    """Messages of RFC 3030 as messages of lines."""

    @given(NASTY, st.integers(1, 100))
    def test_alone(self, body: bytes, size: int) -> None:
        """A message that is one binary part comes back octet for octet."""
        octets = b"Subject: x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: Binary\r\n\r\n" + body
        result = converted(octets, size)
        message = email.message_from_bytes(result)
        self.assertEqual(message["Content-Transfer-Encoding"], "base64")
        self.assertEqual(message.get_payload(decode=True), body)
        plain = result.replace(b"\r\n", b"")
        self.assertFalse(b"\r" in plain or b"\n" in plain or b"\0" in plain)
        self.assertTrue(all(len(line) <= 78 for line in result.split(b"\r\n")))

    @given(st.lists(NASTY, min_size=1, max_size=4), st.integers(1, 200))
    def test_multipart(self, bodies: list[bytes], size: int) -> None:
        """Of a multipart each binary part comes back octet for octet; the others are not touched."""
        boundary = b"=-unlikely-boundary"
        text = b"--%b\r\nContent-Type: text/plain\r\n\r\nhello  \r\n" % boundary
        parts = [
            b"--%b\r\ncontent-transfer-encoding:\r\n binary\r\nContent-Type: application/x\r\n\r\n%b\r\n"
            % (boundary, body)
            for body in bodies
        ]
        octets = (
            b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="%b"\r\n' % boundary
            + b"Content-Transfer-Encoding: binary\r\n\r\npreamble\r\n"
            + text
            + b"".join(parts)
            + b"--%b--\r\nepilogue\r\n" % boundary
        )
        result = converted(octets, size)
        message = email.message_from_bytes(result)
        self.assertEqual(message["Content-Transfer-Encoding"], "8bit")
        rest = message.get_payload()[1:]
        self.assertEqual([part.get_payload(decode=True) for part in rest], bodies)
        self.assertIn(text, result)
        self.assertTrue(result.endswith(b"--%b--\r\nepilogue\r\n" % boundary))

    def test_message_inside(self) -> None:
        """A message inside a message is not encoded as a whole: its parts are."""
        octets = (
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            b"Subject: inner\r\nContent-Transfer-Encoding: binary\r\n\r\na\nb"
        )
        self.assertEqual(
            converted(octets),
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            b"Subject: inner\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpi",
        )

    def test_no_boundary(self) -> None:
        """A multipart whose boundary never comes is not encoded, which no reader would understand."""
        octets = b"Content-Type: multipart/x; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\nabc\r\n"
        self.assertEqual(converted(octets), octets.replace(b"binary", b"8bit"))

    @given(st.binary(max_size=200))
    def test_others(self, body: bytes) -> None:
        """A message without binary parts stays as it is."""
        octets = b"Subject: x\r\n\r\n" + body
        self.assertFalse(has_binary(scan([octets])))
        self.assertEqual(converted(octets), octets)
