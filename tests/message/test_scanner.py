from __future__ import annotations

import email
from email.message import Message

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import header, scanner
from mailframe.message.scanner import Scanner, scan
from mailframe.message.structure import Part
from tests.strategies import mime_messages


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def shape(part: Part) -> object:
    """Type and children, as nested lists."""
    name = f"{part.media_type}/{part.subtype}"
    return [name, *[shape(child) for child in part.children]] if part.children else name


def bodies(part: Part, octets: bytes) -> list[bytes]:
    """What the leaves hold, in order."""
    return [octets[leaf.body_start : leaf.end] for leaf in part.walk() if not leaf.children]


def pieces(octets: bytes, size: int) -> list[bytes]:
    return [octets[start : start + size] for start in range(0, len(octets), size)]


MIXED = "Content-Type: multipart/mixed; boundary=b\n\n"


class ScanTests(SynchronousTestCase):
    def scan(self, octets: bytes) -> Part:
        """The structure, which must not depend on how the octets come."""
        root = scan([octets])
        for size in (1, 2, 7):
            self.assertEqual(scan(pieces(octets, size)), root)
        self.check(root, 0, len(octets))
        return root

    def check(self, part: Part, start: int, end: int) -> None:
        self.assertTrue(start <= part.header_start <= part.body_start <= part.end <= end, part)
        place = part.body_start
        for child in part.children:
            self.check(child, place, part.end)
            place = child.end

    def test_plain(self) -> None:
        """A message that says nothing about MIME is plain text."""
        octets = crlf("Subject: x\n\nHello\nyou\n")
        root = self.scan(octets)
        self.assertEqual(shape(root), "text/plain")
        self.assertEqual((root.body_start, root.octets, root.lines, root.encoding), (14, 12, 2, "7bit"))
        self.assertEqual(root.parameters, ())

    def test_nothing(self) -> None:
        """An empty message, one without header section and one without body have a structure too."""
        for octets, start in [
            (b"", 0),
            (b"\r\n", 2),
            (b"\r\nbody", 2),
            (b"A: b", 4),
            (b"A: b\r\n", 6),
            (b"\r", 1),
        ]:
            root = self.scan(octets)
            self.assertEqual((shape(root), root.body_start), ("text/plain", start), octets)

    def test_fields(self) -> None:
        """What the fields of a part say is kept."""
        root = self.scan(
            crlf(
                'content-type: Application/PDF;\n name="a b.pdf"; x=y\nContent-ID: <1@x>\n'
                "Content-Description: a\n b\nContent-Transfer-Encoding: BASE64\nContent-MD5: Q2h\n"
                "Content-Disposition: Attachment; filename=b.pdf\nContent-Language: de, en\n"
                "Content-Location: http://x.test/\nContent-Type: text/html\n\n"
            )
        )
        self.assertEqual(shape(root), "application/pdf")
        self.assertEqual(root.parameters, ((b"name", b"a b.pdf"), (b"x", b"y")))
        self.assertEqual((root.content_id, root.description, root.md5), (b"<1@x>", b"a b", b"Q2h"))
        self.assertEqual(root.encoding, "base64")
        self.assertEqual(root.disposition, (b"attachment", ((b"filename", b"b.pdf"),)))
        self.assertEqual(root.language, (b"de", b"en"))
        self.assertEqual(root.location, b"http://x.test/")
        self.assertEqual(root.filename, "b.pdf")

    def test_bad_types(self) -> None:
        """A Content-Type that is not valid means plain text."""
        for value in (
            "text",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "te xt/p,lain",
            "",
            "multipart/mixed",
            'multipart/x; boundary=""',
        ):
            self.assertEqual(shape(self.scan(crlf(f"Content-Type: {value}\n\nx"))), "text/plain", value)

    def test_multipart(self) -> None:
        """Preamble and epilogue belong to no part, and the line end before a boundary to the boundary."""
        octets = crlf(
            MIXED + "preamble\n--b\n\none\n--b  \nContent-Type: text/html\n\ntwo\n\n--b--\nepilogue\n"
        )
        root = self.scan(octets)
        self.assertEqual(shape(root), ["multipart/mixed", "text/plain", "text/html"])
        self.assertEqual(bodies(root, octets), [b"one", b"two\r\n"])
        self.assertEqual(root.end, len(octets))
        self.assertEqual([child.lines for child in root.children], [0, 1])

    def test_boundary_at_once(self) -> None:
        """The first boundary may follow the header section at once, and parts may be empty."""
        octets = crlf(MIXED + "--b\n\n--b\n--b\nA: b\n--b\n\n\n--b--")
        root = self.scan(octets)
        self.assertEqual(bodies(root, octets), [b"", b"", b"", b""])
        self.assertEqual(octets[root.children[2].header_start : root.children[2].body_start], b"A: b\r\n")

    def test_no_final_boundary(self) -> None:
        """A multipart that was cut off ends with the message."""
        octets = crlf(MIXED + "--b\n\none\n--b\n\ntwo\n")
        self.assertEqual(bodies(self.scan(octets), octets), [b"one", b"two\r\n"])

    def test_no_parts(self) -> None:
        """A multipart whose boundary never comes, or only its end, has no parts."""
        self.assertEqual(shape(self.scan(crlf(MIXED + "text\n"))), "multipart/mixed")
        self.assertEqual(shape(self.scan(crlf(MIXED + "--b--\n"))), "multipart/mixed")

    def test_nested(self) -> None:
        """An inner multipart without end ends at the outer boundary, even where one starts like the other."""
        inner = "Content-Type: multipart/alternative; boundary=%s\n\n--%s\n\none\n--%s\n\ntwo\n"
        for name in ("c", "bb", "b-", "b--x"):
            octets = crlf(MIXED + "--b\n" + inner % (name, name, name) + "--b\n\nthree\n--bx\n--b--\n")
            root = self.scan(octets)
            self.assertEqual(
                shape(root),
                ["multipart/mixed", ["multipart/alternative", "text/plain", "text/plain"], "text/plain"],
            )
            self.assertEqual(bodies(root, octets), [b"one", b"two", b"three\r\n--bx"])

    def test_epilogue_of_inner(self) -> None:
        """Behind an inner multipart the outer one goes on, with or without an epilogue between."""
        for epilogue in ("", "\n", "\nepilogue", "\n--c\nnot a part"):
            octets = crlf(
                MIXED
                + "--b\nContent-Type: multipart/related; boundary=c\n\n--c\n\none\n--c--"
                + epilogue
                + "\n--b\n\ntwo\n--b--\n"
            )
            root = self.scan(octets)
            self.assertEqual(bodies(root, octets), [b"one", b"two"], epilogue)
            inner = root.children[0]
            self.assertTrue(octets[: inner.end].endswith(crlf("--c--" + epilogue)))

    def test_enclosed(self) -> None:
        """A message inside a message has its own header section and parts."""
        octets = crlf(
            MIXED
            + "--b\nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: multipart/mixed; boundary=c\n\n"
            "--c\n\none\n--c--\n--b--\n"
        )
        scanner = Scanner([octets])
        root = scanner.scan()
        self.assertEqual(root, self.scan(octets))
        self.assertEqual(
            shape(root), ["multipart/mixed", ["message/rfc822", ["multipart/mixed", "text/plain"]]]
        )
        inner = root.children[0].children[0]
        self.assertEqual(sorted(scanner.headers), [0, inner.header_start])
        self.assertTrue(scanner.headers[inner.header_start].startswith(b"Subject: in\r\n"))
        self.assertEqual(root.children[0].lines, 6)

    def test_digest(self) -> None:
        """The parts of a digest are messages unless they say otherwise."""
        octets = crlf(
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b\nContent-Type: text/plain\n\ntwo\n--b--\n"
        )
        self.assertEqual(
            shape(self.scan(octets)), ["multipart/digest", ["message/rfc822", "text/plain"], "text/plain"]
        )

    def test_depth(self) -> None:
        """Nesting without end is looked into up to a limit."""
        opening = "".join(f"Content-Type: multipart/mixed; boundary=b{n}x\n\n--b{n}x\n" for n in range(500))
        for octets in (crlf(opening), crlf("Content-Type: message/rfc822\n\n" * 500)):
            root, depth = scan([octets]), 0
            while root.children:
                root, depth = root.children[0], depth + 1
            self.assertEqual(depth, scanner.DEPTH_LIMIT)
            self.assertEqual(shape(root), "application/octet-stream")

    def test_parts_limit(self) -> None:
        """Parts past the limit are passed over, and what follows them is still found."""
        octets = crlf(MIXED + "--b\n\n" * (scanner.PARTS_LIMIT + 500) + "--b--\nepilogue")
        root = scan([octets])
        self.assertEqual(len(root.children), scanner.PARTS_LIMIT - 1)
        self.assertEqual(root.end, len(octets))

    def test_header_limit(self) -> None:
        """A header section without end is cut at a line, and the rest is body."""
        octets = b"X-Line: 0123456789\r\n" * 60_000
        root = scan([octets])
        self.assertEqual(root.body_start, scanner.HEADER_LIMIT // 20 * 20)
        self.assertEqual(root.end, len(octets))
        self.assertEqual(scan(pieces(octets, 70_001)), root)
        self.assertEqual(scan([b"x" * 1_100_000]).body_start, scanner.HEADER_LIMIT)

    def test_kept_limit(self) -> None:
        """Long fields in many parts do not pile up in memory."""
        part = b"--b\r\nContent-Description: " + b"x" * 15_000 + b"\r\n\r\n\r\n"
        root = scan([crlf(MIXED), *[part] * 1000])
        kept = sum(len(child.description or b"") for child in root.children)
        self.assertLess(kept, scanner.KEPT_LIMIT)
        self.assertEqual(len(root.children), 1000)

    def test_large_body(self) -> None:
        """Parts are found behind a large body, wherever pieces are cut."""
        body = b"0123456789abcdef\r\n" * 20_000
        octets = crlf(MIXED + "--b\n\n") + body + crlf("--b\n\nend\n--b--\n")
        whole = scan([octets])
        self.assertEqual([child.octets for child in whole.children], [len(body) - 2, 3])
        self.assertEqual(whole.children[0].lines, 19_999)
        for size in (1000, 65_536, 65_535, 131_072, 99_991):
            self.assertEqual(scan(pieces(octets, size)), whole)

    def test_long_lines(self) -> None:
        """A very long line that starts like a boundary is no boundary."""
        octets = crlf(MIXED + "--b\n\none\n--b" + " " * 100_000 + "\n--b" + "x" * 100_000 + "\n--b--\n")
        root = scan([octets])
        self.assertEqual(len(root.children), 1)
        self.assertEqual(scan(pieces(octets, 50_000)), root)


class ScanPropertyTests(SynchronousTestCase):
    def compare(self, part: Part, message: Message, octets: bytes) -> None:
        section = octets[part.header_start : part.body_start]
        if any(not field.name for field in header.fields(section)):
            return  # the standard library ends a header section at the first line that is no field
        self.assertEqual(f"{part.media_type}/{part.subtype}", message.get_content_type())
        payload = message.get_payload()
        if isinstance(payload, list):
            self.assertEqual(len(part.children), len(payload))
            for child, inner in zip(part.children, payload, strict=True):
                assert isinstance(inner, Message)
                self.compare(child, inner, octets)
        elif part.media_type != "multipart":
            assert isinstance(payload, str)
            # The parser gives text in the part's charset; its octets are what was parsed from.
            raw = message._payload.encode("ascii", "surrogateescape")  # type: ignore[attr-defined]
            self.assertEqual(octets[part.body_start : part.end], raw)
        else:
            self.assertEqual(part.children, ())

    @given(mime_messages())
    def test_standard_library(self, octets: bytes) -> None:
        """Types, parts and bodies are those that the standard library finds."""
        self.compare(scan([octets]), email.message_from_bytes(octets), octets)

    @given(mime_messages(), st.data())
    def test_any_split(self, octets: bytes, data: st.DataObject) -> None:
        """Cutting a message into any pieces changes nothing."""
        cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=5)))
        parts = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
        self.addCleanup(setattr, scanner, "_WINDOW", scanner._WINDOW)
        expected = scan([octets])
        for window in (1, 50, 64 * 1024):
            scanner._WINDOW = window
            self.assertEqual(scan(parts), expected)
            self.assertEqual(scan(pieces(octets, 1)), expected)

    @given(
        st.lists(
            st.one_of(
                st.sampled_from(
                    [
                        b"Content-Type: multipart/mixed; boundary=b\r\n",
                        b"Content-Type: multipart/digest; boundary=bb\r\n",
                        b"Content-Type: message/rfc822\r\n",
                        b"--b\r\n",
                        b"--bb\r\n",
                        b"--b--\r\n",
                        b"--bb--",
                        b"\r\n",
                        b"\r\n\r\n",
                        b"A: b\r\n",
                        b"text\r\n",
                    ]
                ),
                st.binary(max_size=5),
            ),
            max_size=25,
        ).map(b"".join)
    )
    @example(b"Content-Type: multipart/mixed; boundary=b\r\n--b\r\n--b--\r\n")
    def test_broken(self, octets: bytes) -> None:
        """Broken messages have a structure within their octets, however they are cut."""
        root = scan([octets])
        ScanTests.check(ScanTests("check"), root, 0, len(octets))
        self.assertEqual(scan(pieces(octets, 1)), root)
        for part in root.walk():
            self.assertEqual(part.lines, octets.count(b"\n", part.body_start, part.end))
