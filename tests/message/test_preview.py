"""What a message begins with, for lists of messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.preview import LENGTH, preview
from mailframe.message.scanner import scan


def shown(octets: bytes) -> str:
    return preview(scan([octets]), lambda offset, length: octets[offset : offset + length])


def message(content_type: str, body: bytes, encoding: str = "8bit") -> bytes:
    head = f"Subject: x\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


class PreviewTests(SynchronousTestCase):
    """RFC 8970."""

    def test_plain(self) -> None:
        """The beginning of the text, in one line."""
        self.assertEqual(
            shown(message("text/plain", b"Hello,\r\n\r\n  Alice!\tHow are you?\r\n")),
            "Hello, Alice! How are you?",
        )

    def test_without_a_type(self) -> None:
        """A message that says nothing of itself is text."""
        self.assertEqual(shown(b"Subject: x\r\n\r\nHello.\r\n"), "Hello.")

    def test_encoded(self) -> None:
        """Encoding and charset are undone."""
        self.assertEqual(
            shown(message("text/plain; charset=iso-8859-1", b"Gr=FC=DFe", "quoted-printable")), "Grüße"
        )
        self.assertEqual(shown(message("text/plain; charset=utf-8", b"8J+Ziw==", "base64")), "🙋")

    def test_html(self) -> None:
        """Of HTML what a reader sees; of both the plain text."""
        html = b"<html><style>p {}</style><!-- no --><p>Hello&nbsp;<b>Alice</b>&#33;</p></html>"
        self.assertEqual(shown(message("text/html", html)), "Hello Alice!")
        both = b"--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b--\r\n"
        self.assertEqual(shown(message('multipart/alternative; boundary="b"', both)), "plain")

    def test_attachments(self) -> None:
        """Attachments are not what a message begins with."""
        octets = (
            b'--b\r\nContent-Type: text/plain; name="a.txt"\r\n\r\nattached\r\n'
            b"--b\r\nContent-Type: text/plain\r\n\r\nwritten\r\n--b--\r\n"
        )
        self.assertEqual(shown(message('multipart/mixed; boundary="b"', octets)), "written")
        self.assertEqual(shown(message("image/png", b"\x89PNG")), "")

    def test_quotes(self) -> None:
        """What others said is left out, unless there is nothing else."""
        self.assertEqual(
            shown(message("text/plain", b"> Are you there?\r\n>> yes\r\nYes, I am.\r\n")), "Yes, I am."
        )
        self.assertEqual(shown(message("text/plain", b"> Only this.\r\n")), "> Only this.")

    def test_long(self) -> None:
        """A long text is cut at a word, and ends in an ellipsis."""
        text = shown(message("text/plain", b"word " * 1000))
        self.assertLessEqual(len(text), LENGTH)
        self.assertTrue(text.endswith("word…"), text)
        self.assertEqual(len(shown(message("text/plain", b"x" * 1000))), LENGTH)

    def test_half_a_character(self) -> None:
        """What cannot be sent to a client is shown as one unknown character."""
        self.assertEqual(shown(message("text/plain; charset=utf-7", b"a +2AA- b\r\n")), "a \ufffd b")

    @given(
        st.binary(max_size=2000), st.sampled_from(["text/plain", "text/html", "multipart/mixed; boundary=b"])
    )
    def test_anything(self, body, content_type) -> None:
        """Any octets have a beginning of one short line."""
        text = shown(message(content_type, body))
        self.assertLessEqual(len(text), LENGTH)
        self.assertEqual(text, " ".join(text.split()))
