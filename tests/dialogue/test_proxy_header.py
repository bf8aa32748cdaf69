"""Tests of the PROXY protocol's header."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.proxy_header import (
    SIGNATURE,
    ProxyHeader,
    ProxyHeaderError,
    encode_v1,
    encode_v2,
    parse_header,
)
from mailframe.dialogue.proxy_tlvs import (
    ALPN,
    CRC32C,
    NOOP,
    SSL,
    TLV,
    UNIQUE_ID,
    ProxyTLS,
    crc32c,
    encode_tls,
    encode_tlvs,
    parse_tls,
    text_of,
)

V1 = b"PROXY TCP4 192.0.2.7 192.0.2.25 56324 25\r\n"
INET = bytes([192, 0, 2, 7, 192, 0, 2, 25]) + (56324).to_bytes(2, "big") + (25).to_bytes(2, "big")


def v2(command: int, family: int, body: bytes) -> bytes:
    """A header of version 2, written by hand."""
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2, "big") + body


def headers(version: int = 2) -> st.SearchStrategy[ProxyHeader]:
    """Headers whose addresses are in their one spelling."""
    port = st.integers(0, 65535)
    four, six = st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str)
    tlv = st.builds(
        TLV, st.integers(0, 255).filter(lambda kind: kind not in (CRC32C, NOOP)), st.binary(max_size=40)
    )
    tlvs = st.lists(tlv, max_size=5).map(tuple) if version == 2 else st.just(())
    path = st.text("abc/.é", max_size=20)
    made = [
        st.builds(ProxyHeader, st.just(version)),
        st.builds(
            ProxyHeader, st.just(version), st.just(False), st.just("inet"), four, port, four, port, tlvs
        ),
        st.builds(
            ProxyHeader, st.just(version), st.just(False), st.just("inet6"), six, port, six, port, tlvs
        ),
    ]
    if version == 2:
        made += [
            st.builds(ProxyHeader, st.just(2), st.just(True)),
            st.builds(
                ProxyHeader,
                st.just(2),
                st.just(False),
                st.just("unix"),
                path,
                st.just(0),
                path,
                st.just(0),
                tlvs,
            ),
        ]
    return st.one_of(made)


class HeaderCase(SynchronousTestCase):
    """Reads headers in every segmentation."""

    def read(self, octets: bytes, **limits: int) -> tuple[ProxyHeader, int]:
        """A header that is whole, and not a moment before."""
        found = parse_header(octets, **limits)
        assert found is not None
        _, end = found
        for size in range(end):
            self.assertIsNone(parse_header(bytearray(octets[:size]), **limits), octets[:size])
        self.assertEqual(parse_header(octets[:end] + b"220 \x00\r\n\xff", **limits), found)
        return found

    def refused(self, octets: bytes, words: str, **limits: int) -> None:
        """No header, whole or octet by octet, and why."""
        error = self.assertRaises(ProxyHeaderError, parse_header, octets, **limits)
        self.assertIn(words, str(error))
        for size in range(len(octets)):
            try:
                self.assertIsNone(parse_header(octets[:size], **limits))
            except ProxyHeaderError:
                return


class VersionOneTests(HeaderCase):
    """One line of text."""

    def test_addresses(self) -> None:
        """Client and destination are what the line says, and nothing behind it is read."""
        self.assertEqual(
            self.read(V1), (ProxyHeader(1, False, "inet", "192.0.2.7", 56324, "192.0.2.25", 25), len(V1))
        )
        header, _ = self.read(b"PROXY TCP6 2001:DB8::7 2001:0db8:0::19 1 0\r\n")
        self.assertEqual((header.source, header.destination), ("2001:db8::7", "2001:db8::19"))
        self.assertTrue(header.knows_client)

    def test_longest(self) -> None:
        """A line may have 107 octets and not one more."""
        longest = "PROXY UNKNOWN " + "f" * (107 - 16) + "\r\n"
        self.assertEqual(self.read(longest.encode())[1], 107)
        self.refused(longest.replace("f", "ff", 1).encode(), "longer than 107")

    def test_unknown(self) -> None:
        """A proxy that cannot say who the client is may say anything behind that."""
        for line in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"):
            header, end = self.read(line)
            self.assertEqual((header.knows_client, header.local, end), (False, False, len(line)))

    def test_refused(self) -> None:
        """What is not of the form is refused as soon as that is clear."""
        for line, words in (
            (b"EHLO client.test\r\n", "does not begin"),
            (b"proxy TCP4 192.0.2.7 192.0.2.25 1 25\r\n", "does not begin"),
            (b"PROXYTCP4 192.0.2.7 192.0.2.25 1 25\r\n", "does not begin"),
            (b"PROXY TCP4 192.0.2.7 192.0.2.25 1 25\n", "CRLF"),
            (b"PROXY TCP4 192.0.2.7\r 192.0.2.25 1 25", "CRLF"),
            (b"PROXY TCP4  192.0.2.7 192.0.2.25 1 25\r\n", "form"),
            (b"PROXY TCP4 192.0.2.7 192.0.2.25 1 25 \r\n", "form"),
            (b"PROXY TCP5 192.0.2.7 192.0.2.25 1 25\r\n", "form"),
            (b"PROXY UNKNOWNS\r\n", "form"),
            (b"PROXY \r\n", "form"),
            (b"PROXY TCP4 192.0.2.07 192.0.2.25 1 25\r\n", "address"),
            (b"PROXY TCP4 2001:db8::1 192.0.2.25 1 25\r\n", "address"),
            (b"PROXY TCP6 192.0.2.7 192.0.2.25 1 25\r\n", "address"),
            (b"PROXY TCP6 fe80::1%eth0 fe80::2 1 25\r\n", "address"),
            (b"PROXY TCP4 \xd9\xa1.0.2.7 192.0.2.25 1 25\r\n", "address"),
            (b"PROXY TCP4 192.0.2.7 192.0.2.25 65536 25\r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 192.0.2.25 025 25\r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 192.0.2.25 +1 25\r\n", "port"),
            (b"PROXY TCP4 192.0.2.7 192.0.2.25 -1 25\r\n", "port"),
        ):
            self.refused(line, words)


class VersionTwoTests(HeaderCase):
    """Octets."""

    def test_addresses(self) -> None:
        """Addresses of both families and of UNIX sockets are read."""
        header, end = self.read(v2(0x21, 0x11, INET))
        self.assertEqual(header, ProxyHeader(2, False, "inet", "192.0.2.7", 56324, "192.0.2.25", 25))
        self.assertEqual(end, 28)
        six = ipaddress.ip_address("2001:db8::7").packed + ipaddress.ip_address("::1").packed + b"\0\1\0\2"
        header, _ = self.read(v2(0x21, 0x21, six))
        self.assertEqual(header, ProxyHeader(2, False, "inet6", "2001:db8::7", 1, "::1", 2))
        paths = b"/run/a".ljust(108, b"\0") + b"\0abstract".ljust(108, b"\0")
        header, _ = self.read(v2(0x21, 0x31, paths))
        self.assertEqual((header.family, header.source, header.destination), ("unix", "/run/a", ""))

    def test_local(self) -> None:
        """A proxy that speaks for itself may put anything behind that."""
        for body in (b"", INET, b"\xff" * 99):
            header, end = self.read(v2(0x20, 0xFF, body))
            self.assertEqual((header.local, header.knows_client, end), (True, False, 16 + len(body)))

    def test_unspecified(self) -> None:
        """A family that is not told leaves the connection its own addresses."""
        header, _ = self.read(v2(0x21, 0x00, b"anything"))
        self.assertFalse(header.knows_client)

    def test_refused(self) -> None:
        """What is not of the form is refused."""
        for octets, words in (
            (SIGNATURE.replace(b"QUIT", b"QUIX"), "does not begin"),
            (b"\r\n.\r\n", "does not begin"),
            (v2(0x11, 0x11, INET), "version or command"),
            (v2(0x22, 0x11, INET), "version or command"),
            (v2(0x31, 0x11, INET), "version or command"),
            (v2(0x21, 0x12, INET), "datagrams"),
            (v2(0x21, 0x13, INET), "family"),
            (v2(0x21, 0x41, INET), "family"),
            (v2(0x21, 0x11, INET[:-1]), "within its addresses"),
            (v2(0x21, 0x21, INET), "within its addresses"),
            (v2(0x21, 0x11, INET + b"\x01"), "within an extension"),
            (v2(0x21, 0x11, INET + b"\x01\x00\x02h"), "within an extension"),
        ):
            self.refused(octets, words)

    def test_limit(self) -> None:
        """A header that says it is longer than it may be is refused before it comes."""
        header = v2(0x21, 0x11, INET)
        self.read(header, limit=28)
        self.refused(header, "longer than 27", limit=27)
        self.refused(header[:16], "longer than 20", limit=20)


class ExtensionTests(HeaderCase):
    """Type, length, value."""

    def test_kept(self) -> None:
        """Extensions are kept in order, those that fill space are not."""
        tlvs = [TLV(ALPN, b"smtp"), TLV(NOOP, bytes(7)), TLV(UNIQUE_ID, b"\1\2"), TLV(0xEA, b"")]
        header, _ = self.read(v2(0x21, 0x11, INET + encode_tlvs(tlvs)))
        self.assertEqual(header.tlvs, (tlvs[0], tlvs[2], tlvs[3]))

    def test_checksum(self) -> None:
        """A checksum is compared, wherever it stands."""
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        made = ProxyHeader(2, False, "inet", "192.0.2.7", 1, "192.0.2.25", 25, (TLV(ALPN, b"imap"),))
        octets = encode_v2(made, checksum=True)
        header, _ = self.read(octets)
        self.assertEqual(header.tlvs[0], TLV(ALPN, b"imap"))
        self.refused(octets[:-1] + bytes([octets[-1] ^ 1]), "checksum is wrong")
        self.refused(octets[:16] + b"\xc1" + octets[17:], "checksum is wrong")
        blank = v2(0x21, 0x11, INET + b"\x03\0\4\0\0\0\0\x05\0\1x")
        right = blank.replace(b"\x03\0\4\0\0\0\0", b"\x03\0\4" + crc32c(blank).to_bytes(4, "big"))
        self.read(right)
        self.refused(v2(0x21, 0x11, INET + b"\x03\0\3abc"), "one checksum's form")
        self.refused(v2(0x21, 0x11, INET + b"\x03\0\4abcd" * 2), "one checksum's form")

    def test_tls(self) -> None:
        """What the proxy says of TLS is told apart: used, certificate shown, certificate good."""
        facts = ProxyTLS(True, "TLSv1.3", "TLS_AES_128_GCM_SHA256", True, True, "alice")
        self.assertEqual(parse_tls(encode_tls(facts).value), facts)
        self.assertEqual(parse_tls(b"\1\0\0\0\0"), ProxyTLS(used=True))
        self.assertEqual(parse_tls(b"\5\0\0\0\0"), ProxyTLS(used=True, certificate=True, verified=True))
        self.assertEqual(parse_tls(b"\5\0\0\0\1"), ProxyTLS(used=True, certificate=True))
        self.assertEqual(parse_tls(b"\4\0\0\0\0").used, False)
        self.assertRaises(ProxyHeaderError, parse_tls, b"\1\0\0\0")
        self.assertRaises(ProxyHeaderError, parse_tls, b"\1\0\0\0\0\x21\0\7TLS")

    def test_text(self) -> None:
        """Nothing a header says can forge a line of the log."""
        self.assertEqual(text_of("mail.exämple".encode()), "mail.exämple")
        self.assertEqual(text_of(b"a\r\nb\xff"), "a\\r\\nb\\xff")
        self.assertIsNone(text_of(None))


class EncodeTests(HeaderCase):
    """What we write is read again."""

    @given(headers(1))
    def test_version_one(self, header: ProxyHeader) -> None:
        """Version 1 comes back as it was."""
        octets = encode_v1(header)
        self.assertEqual(parse_header(octets + b"x"), (header, len(octets)))

    @given(headers(), st.booleans())
    def test_version_two(self, header: ProxyHeader, checksum: bool) -> None:
        """Version 2 comes back as it was."""
        octets = encode_v2(header, checksum=checksum)
        found = parse_header(octets + b"x")
        assert found is not None
        read, end = found
        kept = tuple(tlv for tlv in read.tlvs if tlv.kind != CRC32C)
        self.assertEqual((read.version, end), (2, len(octets)))
        self.assertEqual(
            (read.local, read.family, read.source, read.source_port, read.destination, read.destination_port),
            (
                header.local,
                header.family,
                header.source,
                header.source_port,
                header.destination,
                header.destination_port,
            ),
        )
        self.assertEqual(kept, header.tlvs)

    @given(headers(), st.integers(0, 400))
    def test_segments(self, header: ProxyHeader, at: int) -> None:
        """A piece of a header waits for the rest of it."""
        octets = encode_v2(header)
        if at < len(octets):
            self.assertIsNone(parse_header(octets[:at]))

    def test_impossible(self) -> None:
        """What cannot be said is not written."""
        wrong: list[dict[str, Any]] = [
            {"source": "nobody"},
            {"source_port": 70000},
            {"source": "::1"},
            {"tlvs": (TLV(256, b""),)},
            {"tlvs": (TLV(1, bytes(65536)),)},
            {"tlvs": (TLV(1, bytes(65000)), TLV(2, bytes(600)))},
            {"family": "unix", "source": "/" + "x" * 108},
        ]
        for values in wrong:
            usual = {"family": "inet", "source": "192.0.2.1", "destination": "192.0.2.2"}
            self.assertRaises(ValueError, encode_v2, ProxyHeader(2, **{**usual, **values}))
        self.assertEqual(encode_v1(ProxyHeader(1, family="unix", source="/x")), b"PROXY UNKNOWN\r\n")
        self.assertIn(SSL, [encode_tls(ProxyTLS()).kind])


class GarbageTests(SynchronousTestCase):
    """Whatever comes."""

    @given(
        st.one_of(
            st.binary(max_size=300),
            st.binary(max_size=300).map(lambda octets: SIGNATURE + b"\x21" + octets),
            st.binary(max_size=200).map(lambda octets: v2(0x21, 0x11, INET + octets)),
            st.binary(max_size=120).map(lambda octets: b"PROXY " + octets),
            st.text("TCP46UNKOW .:0123456789abf\r\n", max_size=120).map(
                lambda text: b"PROXY " + text.encode()
            ),
        )
    )
    def test_only_one_error(self, octets: bytes) -> None:
        """Garbage raises the one error or nothing, and the end of a header is within what came."""
        try:
            found = parse_header(octets)
        except ProxyHeaderError:
            return
        if found is not None:
            self.assertLessEqual(found[1], len(octets))
            self.assertEqual(parse_header(octets[: found[1]]), found)
