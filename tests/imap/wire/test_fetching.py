"""The arguments of FETCH."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.fetching import (
    BodyOctets,
    Fact,
    Section,
    Text,
    fetch_attributes,
    render_section,
    section,
)
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import ProtocolError

PARTS = st.lists(st.integers(1, 99), max_size=4).map(tuple)
FIELDS = st.lists(st.text("abcXYZ-", min_size=1, max_size=9).map(str.encode), min_size=1, max_size=3).map(
    tuple
)


@st.composite
def sections(draw):
    part = draw(PARTS)
    texts = [text for text in Text if part or text is not Text.MIME]
    text = draw(st.sampled_from(texts))
    return Section(part, text, draw(FIELDS) if text in (Text.FIELDS, Text.FIELDS_NOT) else ())


class FetchAttributesTests(SynchronousTestCase):
    """What a client may ask for."""

    def test_examples(self):
        """Macros, single attributes and lists."""
        whole = BodyOctets(Section(), b"BODY[]")
        cases = [
            (b"FAST", (Fact.FLAGS, Fact.INTERNALDATE, Fact.SIZE)),
            (b"uid", (Fact.UID,)),
            (b"(UID UID BODY)", (Fact.UID, Fact.BODY)),
            (b"body[]", (whole,)),
            (b"BODY.PEEK[]<2.3>", (BodyOctets(Section(), b"BODY[]<2>", (2, 3), True),)),
            (b"RFC822", (BodyOctets(Section(), b"RFC822"),)),
            (b"(BODY[1.2.TEXT])", (BodyOctets(Section((1, 2), Text.TEXT), b"BODY[1.2.TEXT]"),)),
        ]
        for octets, wanted in cases:
            parser = Parser(octets)
            self.assertEqual(fetch_attributes(parser), wanted)
            parser.end()

    def test_refused(self):
        """What is no attribute is a protocol error."""
        for octets in (
            b"", b"()", b"(FAST)", b"(UID", b"(UID,FLAGS)", b"BODY.PEEK", b"BODY[", b"BODY[1.]", b"BODY[.1]", b"BODY[0]",
            b"BODY[1HEADER]", b"BODY[HEADER.1]", b"BODY[MIME]", b"BODY[HEADER.FIELDS]", b"BODY[HEADER.FIELDS ()]",
            b"BODY[HEADER.FIELDS (a]", b'BODY[HEADER.FIELDS ("")]', b"BODY[]<1>", b"BODY[]<1.0>", b"BODY[TEXT.MIME]",
            b"BODY[" + b"1." * 70 + b"1]", b"(" + b" ".join(b"BODY[%d]" % i for i in range(1, 200)) + b")",
            b"BODY[HEADER.FIELDS (" + b"a " * 300 + b"a)]", b'BODY[HEADER.FIELDS ({3}\r\na\r\n)]',
        ):  # fmt: skip
            self.assertRaises(ProtocolError, lambda octets=octets: self.parse(octets))

    def parse(self, octets):
        parser = Parser(octets)
        fetch_attributes(parser)
        parser.end()

    @given(sections())
    def test_round_trip(self, wanted):
        """A section is named in the response as it was asked for."""
        self.assertEqual(section(Parser(render_section(wanted))), wanted)
