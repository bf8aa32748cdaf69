from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.description import describe
from mailframe.message.scanner import scan
from mailframe.message.structure import unpack
from mailframe.store.values import Description
from tests.strategies import mime_messages

Value = object


def read(octets: bytes) -> Value:
    """A small reader of IMAP data: lists, strings, literals, NIL and numbers; fails on anything else."""
    value, rest = read_value(octets)
    assert rest == b"", rest
    return value


def read_value(octets: bytes) -> tuple[Value, bytes]:
    if octets.startswith(b"("):
        values, octets = [], octets[1:]
        while not octets.startswith(b")"):
            value, octets = read_value(octets)
            values.append(value)
            # Bodies of a multipart and addresses of a list follow each other without a space.
            if octets.startswith(b" "):
                octets = octets[1:]
                assert not octets.startswith(b")")
            else:
                assert octets.startswith((b")", b"(")), octets
        return values, octets[1:]
    if octets.startswith(b'"'):
        text, position = bytearray(), 1
        while octets[position] != 0x22:
            position += octets[position] == 0x5C
            assert octets[position : position + 1].translate(None, b"\0\r\n").isascii(), octets
            assert octets[position] not in b"\0\r\n", octets
            text.append(octets[position])
            position += 1
        return bytes(text), octets[position + 1 :]
    if octets.startswith(b"{"):
        size, _, rest = octets[1:].partition(b"}\r\n")
        literal = rest[: int(size)]
        assert len(literal) == int(size)
        assert b"\0" not in literal
        return literal, rest[int(size) :]
    if octets.startswith(b"NIL"):
        return None, octets[3:]
    digits = len(octets) - len(octets.lstrip(b"0123456789"))
    assert digits, octets
    return int(octets[:digits]), octets[digits:]


def check_body(value: Value, extended: bool) -> None:
    """Hold a body against the grammar of RFC 9051 section 9."""
    assert isinstance(value, list)
    if isinstance(value[0], list):
        children = [item for item in value if isinstance(item, list)]
        count = next(place for place, item in enumerate(value) if not isinstance(item, list))
        for child in children[:count]:
            check_body(child, extended)
        check_extension(value[count + 1 :], first_is_parameters=True, extended=extended)
        return
    media_type, subtype, parameters, content_id, description, encoding, octets, *rest = value
    for text in (media_type, subtype, encoding):
        assert isinstance(text, bytes)
        assert text
    check_parameters(parameters)
    for text in (content_id, description):
        assert text is None or isinstance(text, bytes)
    assert isinstance(octets, int)
    if media_type == b"message" and subtype in (b"rfc822", b"global"):
        check_envelope(rest[0])
        check_body(rest[1], extended)
        rest = rest[2:]
    if media_type in (b"text", b"message") and (media_type == b"text" or subtype in (b"rfc822", b"global")):
        assert isinstance(rest[0], int)
        rest = rest[1:]
    check_extension(rest, first_is_parameters=False, extended=extended)


def check_extension(values: list[Value], *, first_is_parameters: bool, extended: bool) -> None:
    if not extended:
        assert values == []
        return
    first, disposition, language, location = values
    if first_is_parameters:
        check_parameters(first)
    else:
        assert first is None or isinstance(first, bytes)
    if disposition is not None:
        assert isinstance(disposition, list)
        assert isinstance(disposition[0], bytes)
        check_parameters(disposition[1])
    assert language is None or isinstance(language, bytes | list)
    assert location is None or isinstance(location, bytes)


def check_parameters(value: Value) -> None:
    if value is not None:
        assert isinstance(value, list)
        assert value
        assert len(value) % 2 == 0
        assert all(isinstance(text, bytes) for text in value)


def check_envelope(value: Value) -> None:
    assert isinstance(value, list)
    date, subject, *people, in_reply_to, message_id = value
    assert len(people) == 6
    for text in (date, subject, in_reply_to, message_id):
        assert text is None or isinstance(text, bytes)
    for addresses in people:
        if addresses is not None:
            assert isinstance(addresses, list)
            assert addresses
            assert all(isinstance(address, list) and len(address) == 4 for address in addresses)


def check(description: Description) -> None:
    check_envelope(read(description.envelope))
    check_body(read(description.bodystructure), extended=True)
    check_body(read(description.body), extended=False)


class DescribeTests(SynchronousTestCase):
    def describe(self, text: str) -> Description:
        return describe([text.replace("\n", "\r\n").encode()])

    def test_plain(self) -> None:
        """A plain message is described as RFC 9051 section 7.5.2 has it."""
        found = self.describe(
            'Date: Mon, 02 Mar 2026 10:00:00 +0100\nSubject: A "quoted" word\nFrom: Alice <alice@example.test>\n'
            "To: bob@example.test, carol@example.test\nIn-Reply-To: <1@example.test>\nMessage-ID: <2@example.test>\n\n"
            "one\ntwo\n"
        )
        alice = b'(("Alice" NIL "alice" "example.test"))'
        self.assertEqual(
            found.envelope,
            b'("Mon, 02 Mar 2026 10:00:00 +0100" "A \\"quoted\\" word" '
            + alice
            + b" "
            + alice
            + b" "
            + alice
            + b" "
            b'((NIL NIL "bob" "example.test")(NIL NIL "carol" "example.test")) NIL NIL '
            b'"<1@example.test>" "<2@example.test>")',
        )
        self.assertEqual(found.body, b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)')
        self.assertEqual(
            found.bodystructure,
            b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)',
        )

    def test_multipart(self) -> None:
        """Parts, parameters, dispositions and messages inside are all there."""
        found = self.describe(
            "Content-Type: multipart/mixed; boundary=b\nContent-Language: de, en\n\n--b\n"
            'Content-Type: image/png; name="a.png"\nContent-Transfer-Encoding: base64\nContent-ID: <i>\n'
            "Content-Disposition: inline\nContent-MD5: Q\nContent-Location: l\nContent-Language: fr\n\nAAAA\n--b\n"
            "Content-Type: message/rfc822\n\nSubject: inner\n\nbody\n--b--\n"
        )
        image = b'("image" "png" ("name" "a.png") "<i>" NIL "base64" 4'
        message = (
            b'("message" "rfc822" NIL NIL NIL "7bit" 22 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) '
            b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 0'
        )
        self.assertEqual(found.body, b"(" + image + b")" + message + b') 2) "mixed")')
        self.assertEqual(
            found.bodystructure,
            b"("
            + image
            + b' "Q" ("inline" NIL) "fr" "l")'
            + message
            + b" NIL NIL NIL NIL) 2 NIL NIL NIL NIL) "
            b'"mixed" ("boundary" "b") NIL ("de" "en") NIL)',
        )

    def test_literals(self) -> None:
        """8-bit, line ends and NUL never go between quotes."""
        found = describe([b"Subject: caf\xc3\xa9\0\r\nFrom: \xff <a@b>\r\nDate: a\rb\r\n\r\n"])
        self.assertTrue(
            found.envelope.startswith(b'({3}\r\na\rb {5}\r\ncaf\xc3\xa9 (({1}\r\n\xff NIL "a" "b"))')
        )
        check(found)

    def test_nil(self) -> None:
        """Missing fields are NIL, empty ones are empty strings, and missing senders are the author."""
        self.assertEqual(describe([]).envelope, b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)")
        found = self.describe("Subject:\nSender: s@x\nFrom: a@x\nReply-To:\nCc: ,\n\n")
        author, sender = b'((NIL NIL "a" "x"))', b'((NIL NIL "s" "x"))'
        self.assertEqual(
            found.envelope, b'(NIL "" ' + author + b" " + sender + b" " + author + b" NIL NIL NIL NIL NIL)"
        )

    def test_groups(self) -> None:
        """Groups are kept."""
        found = self.describe("To: G: a@b;, undisclosed-recipients:;\nTo: c@d\n\n")
        self.assertIn(
            b'((NIL NIL "G" NIL)(NIL NIL "a" "b")(NIL NIL NIL NIL)(NIL NIL "undisclosed-recipients" NIL)'
            b'(NIL NIL NIL NIL)(NIL NIL "c" "d"))',
            found.envelope,
        )

    def test_no_parts(self) -> None:
        """A multipart without parts is described with an empty text, because the grammar wants one."""
        check(self.describe("Content-Type: multipart/mixed; boundary=b\n\nno boundary\n"))

    @given(mime_messages())
    def test_any_message(self, octets: bytes) -> None:
        """Every description holds to the grammar, and its parts are the message's structure."""
        found = describe([octets[start : start + 11] for start in range(0, len(octets), 11)])
        check(found)
        self.assertEqual(unpack(found.parts), scan([octets]))

    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [b"\r\n", b"\r\n\r\n", b"--b\r\n", b"From: ", b"To: ", b"<", b'"', b"(", b"\\"]
                ),
                st.sampled_from(
                    [
                        b"Content-Type: ",
                        b"Content-Type: multipart/x; boundary=b\r\n",
                        b"Content-Type: message/global\r\n",
                        b"Content-Disposition: ",
                        b"Content-Language: ",
                        b"text/x; a=",
                        b"message/x; a*0*=",
                    ]
                ),
            ),
            max_size=15,
        ).map(b"".join)
    )
    def test_anything(self, octets: bytes) -> None:
        """No octets make it fail or answer outside the grammar."""
        check(describe([octets]))

    def test_hostile(self) -> None:
        """Deep nesting, many parts and endless header sections take bounded time."""
        started = time.process_time()
        check_size = 4 * 1024 * 1024
        for piece in (
            b"Content-Type: message/rfc822\r\n\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
            b"From: a@b, c@d\r\n",
            b"Content-Type: a/b; x=y\r\n",
            b"content-",
            b"\r\n--",
            b"\r\n",
        ):
            describe(
                [
                    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
                    piece * (check_size // len(piece)),
                ]
            )
        self.assertLess(time.process_time() - started, 30)

    def test_megabyte_of_groups(self) -> None:
        """Nonsense of a megabyte makes no ENVELOPE of many; of ten thousand addresses all are told."""
        for field in (
            b"From: " + b"a:;" * 600_000,
            b"To: " + b"a:b@c;" * 300_000,
            b"From: " + b"a@b," * 400_000,
        ):
            self.assertLess(len(describe([field + b"\r\n\r\nx"]).envelope), 2 * 1024 * 1024)
        people = describe([b"To: " + b"a@b, " * 10_000 + b"\r\n\r\nx"]).envelope
        self.assertEqual(people.count(b'(NIL NIL "a" "b")'), 10_000)
