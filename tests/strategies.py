"""Hypothesis strategies, one function a notion of mail."""

from __future__ import annotations

import base64
import quopri

from hypothesis import strategies as st

from mailframe.message.address import Address

_ATEXT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_BOUNDARY = "abcXYZ019'()+_,-./:=?"


def domains() -> st.SearchStrategy[str]:
    """Host names in lower case, one to four labels."""
    label = st.text(_LETTERS, min_size=1, max_size=12)
    return st.lists(label, min_size=1, max_size=4).map(".".join)


def local_parts(smtputf8: bool = False) -> st.SearchStrategy[str]:
    """Local parts without quoting: dot-strings, and such as must be quoted."""
    alphabet = _ATEXT + "éß中" if smtputf8 else _ATEXT
    word = st.text(alphabet, min_size=1, max_size=8)
    dotted = st.lists(word, min_size=1, max_size=3).map(".".join)
    odd = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
    return st.one_of(dotted, dotted, odd)


def addresses(smtputf8: bool = False) -> st.SearchStrategy[Address]:
    """Mailbox addresses as a client may give them in MAIL and RCPT."""
    literals = st.one_of(
        st.ip_addresses(v=4).map(lambda address: f"[{address}]"),
        st.ip_addresses(v=6).map(lambda address: f"[IPv6:{address}]"),
    )
    return st.builds(Address, local_parts(smtputf8), st.one_of(domains(), domains(), literals))


def mailboxes() -> st.SearchStrategy[tuple[bytes, str, str]]:
    """Mailboxes built from the grammar of RFC 5321 section 4.1.2: as written, local part and domain as meant."""
    word = st.text(_ATEXT, min_size=1, max_size=8)
    dot_string = st.lists(word, min_size=1, max_size=3).map(".".join).map(lambda text: (text, text))
    qtext = st.sampled_from([chr(octet) for octet in range(32, 127) if octet not in (34, 92)])
    pair = st.sampled_from([chr(octet) for octet in range(32, 127)])
    content = st.one_of(qtext.map(lambda char: (char, char)), pair.map(lambda char: ("\\" + char, char)))
    quoted = st.lists(content, max_size=12).map(
        lambda pairs: (f'"{"".join(one for one, _ in pairs)}"', "".join(char for _, char in pairs))
    )
    letter = st.sampled_from(_LETTERS + _LETTERS[:26].upper())
    label = st.builds(
        lambda first, middle, last: first + middle + last if middle else first,
        letter,
        st.text(_LETTERS + "-", max_size=6),
        letter,
    )
    domain = st.lists(label, min_size=1, max_size=4).map(".".join).map(lambda text: (text, text.lower()))
    literal = st.one_of(
        st.ip_addresses(v=4).map(lambda address: (f"[{address}]",) * 2),
        st.ip_addresses(v=6).map(lambda address: (f"[iPv6:{address}]", f"[IPv6:{address}]")),
        st.builds(
            lambda tag, rest: (f"[{tag}:{rest}]",) * 2,
            label.filter(lambda tag: tag.lower() != "ipv6"),
            st.text(
                [chr(octet) for octet in range(33, 127) if octet not in (91, 92, 93)], min_size=1, max_size=9
            ),
        ),
    )
    return st.builds(
        lambda local, place: (f"{local[0]}@{place[0]}".encode(), local[1], place[1]),
        st.one_of(dot_string, quoted),
        st.one_of(domain, literal).filter(lambda place: "xn--" not in place[1]),
    )


def field_bodies() -> st.SearchStrategy[bytes]:
    """Bodies of header fields without their CRLF: plain, folded, UTF-8, encoded words, odd characters."""
    plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
    wide = st.text(
        st.characters(min_codepoint=32, max_codepoint=0x3FF, exclude_categories=["Cc"]), max_size=40
    )
    octets = st.one_of(
        plain.map(str.encode),
        wide.map(str.encode),
        wide.map(lambda text: b"=?UTF-8?B?" + base64.b64encode(text.encode()[:45]) + b"?="),
        st.binary(max_size=20).map(lambda raw: raw.translate(None, b"\r\n")),
    )
    # A folded line that is white only is obsolete syntax; a client sends it never.
    return st.lists(octets, min_size=1, max_size=3).map(
        lambda lines: b"\r\n ".join(line or b"x" for line in lines)
    )


def header_fields() -> st.SearchStrategy[bytes]:
    """One header field with its CRLF."""
    common = [
        "Subject",
        "From",
        "To",
        "Cc",
        "Date",
        "Message-ID",
        "Received",
        "X-Spam",
        "Content-Description",
    ]
    any_name = st.text(_LETTERS + "-", min_size=1, max_size=12).filter(
        lambda name: not name.startswith("content-")
    )
    names = st.one_of(st.sampled_from(common), any_name)
    return st.builds(lambda name, body: name.encode() + b": " + body + b"\r\n", names, field_bodies())


def body_lines() -> st.SearchStrategy[bytes]:
    """One line of text with its CRLF: dot lines, signatures, 8-bit, lines that look like a boundary."""
    odd = [
        b".",
        b"..",
        b".leading",
        b"-- ",
        b"--",
        b"--=_x--",
        b"From me",
        b"",
        b"A: b",
        b"caf\xc3\xa9",
        b"\xa4\xff",
    ]
    printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=70).map(str.encode)
    return st.one_of(st.sampled_from(odd), printable).map(lambda line: line + b"\r\n")


def bodies() -> st.SearchStrategy[bytes]:
    """Some lines of text, each with CRLF."""
    return st.lists(body_lines(), max_size=8).map(b"".join)


@st.composite
def leaf_parts(draw: st.DrawFn) -> bytes:
    """A part without children: MIME header fields, a blank line, a body in some encoding."""
    encoding = draw(st.sampled_from(["7bit", "8bit", "quoted-printable", "base64", ""]))
    kind = draw(
        st.sampled_from(
            [
                "text/plain",
                'text/html; charset="utf-8"',
                "text/plain; charset=iso-8859-1",
                "application/pdf",
                "",
            ]
        )
    )
    header = draw(st.lists(header_fields(), max_size=2).map(b"".join))
    if kind:
        name = draw(st.sampled_from(["", '; name="a b.pdf"', "; format=flowed", "; name*=utf-8''%C3%A9.txt"]))
        header += f"Content-Type: {kind}{name}\r\n".encode()
    if encoding:
        header += f"Content-Transfer-Encoding: {encoding}\r\n".encode()
    if draw(st.booleans()):
        header += b'Content-Disposition: attachment;\r\n filename="report.pdf"\r\n'
    if encoding == "base64":
        raw = draw(st.binary(max_size=200))
        body = base64.encodebytes(raw).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        text = draw(st.text(max_size=80))
        body = quopri.encodestring(text.encode()).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        body = body.replace(b"\r\r\n", b"=0D\r\n")
    else:
        body = draw(bodies())
    return header + b"\r\n" + body


@st.composite
def multiparts(draw: st.DrawFn, children: st.SearchStrategy[bytes]) -> bytes:
    """A multipart around some parts; its boundary is no line of theirs."""
    parts = draw(st.lists(children, max_size=3))
    boundary = draw(st.text(_BOUNDARY, min_size=1, max_size=20)).encode()
    while any(b"--" + boundary in part for part in parts):
        boundary += b"0"
    subtype = draw(st.sampled_from([b"mixed", b"alternative", b"related", b"digest", b"signed"]))
    header = draw(st.lists(header_fields(), max_size=1).map(b"".join))
    header += b"Content-Type: multipart/" + subtype + b';\r\n boundary="' + boundary + b'"\r\n'
    preamble = draw(st.sampled_from([b"", b"This is MIME.\r\n"]))
    inside = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        header
        + b"\r\n"
        + preamble
        + inside
        + b"--"
        + boundary
        + b"--\r\n"
        + draw(st.sampled_from([b"", b"bye\r\n"]))
    )


def enclosed_messages(messages: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A message/rfc822 part around a message."""
    return messages.map(lambda octets: b"Content-Type: message/rfc822\r\n\r\n" + octets)


def mime_parts() -> st.SearchStrategy[bytes]:
    """Parts, nested a few levels deep."""
    return st.recursive(
        leaf_parts(),
        lambda parts: st.one_of(multiparts(parts), enclosed_messages(parts)),
        max_leaves=6,
    )


def mime_messages() -> st.SearchStrategy[bytes]:
    """Whole messages with CRLF line ends, the last line ended, as clients send them."""
    header = st.builds(
        lambda sender, to, rest: (
            b"From: " + bytes(sender) + b"\r\nTo: " + bytes(to) + b"\r\n"
            b"Date: Mon, 02 Mar 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n" + b"".join(rest)
        ),
        addresses(),
        addresses(),
        st.lists(header_fields(), max_size=3),
    )
    return st.builds(lambda fields, part: fields + part, header, mime_parts())
