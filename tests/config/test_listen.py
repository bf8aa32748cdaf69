"""Tests of listener descriptions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.listen import format_listener, parse_listener


class ListenerTests(SynchronousTestCase):
    """Twisted's endpoint strings, with ``ssl:`` for implicit TLS."""

    def test_right(self) -> None:
        """Descriptions are taken apart and put into one spelling."""
        for text, tls, port, interface, spelling in (
            ("tcp:25", False, 25, "", "tcp:25"),
            ("tcp:port=25:interface=127.0.0.1", False, 25, "127.0.0.1", "tcp:25:interface=127.0.0.1"),
            ("tcp6:25:interface=\\:\\:1", False, 25, "::1", "tcp6:25:interface=\\:\\:1"),
            ("tcp:0", False, 0, "", "tcp:0"),
            ("ssl:993:interface=127.0.0.1", True, 993, "127.0.0.1", "ssl:993:interface=127.0.0.1"),
            ("ssl:993:interface=\\:\\:1", True, 993, "::1", "ssl:tcp6:993:interface=\\:\\:1"),
            ("ssl:tcp:993", True, 993, "", "ssl:993"),
            ("ssl:tcp6:993", True, 993, "", "ssl:tcp6:993"),
            ("unix:/run/x:mode=660:backlog=5", False, 0, "", "unix:/run/x:mode=660:backlog=5"),
            ("unix:/run/a\\:b", False, 0, "", "unix:/run/a\\:b"),
            ("ssl:systemd:domain=INET:name=s", True, 0, "", "ssl:systemd:domain=INET:name=s"),
        ):
            listener = parse_listener(text)
            self.assertEqual(
                (tls, port, interface), (listener.implicit_tls, listener.port, listener.interface)
            )
            self.assertEqual(spelling, format_listener(listener))

    def test_wrong(self) -> None:
        """What Twisted would stumble over later is told now."""
        for text, words in (
            ("", "expected a listener"),
            ("25", "expected a listener"),
            ("ssl", "the port is missing"),
            ("tcp", "the port is missing"),
            ("tcp:25:25.0.0.1:50:more", "takes no more than port, interface, backlog"),
            ("tcp:25:port=26", "port is given twice"),
            ("tcp:25:backlog=1:backlog=2", "given twice"),
            ("tcp:+25", "a number from 0 to 65535"),
            ("tcp: 25", "a number from 0 to 65535"),
            ("tcp:65536", "a number from 0 to 65535"),
            ("tcp:25:backlog=0", "backlog"),
            ("tcp:25:interface=::1", "a colon inside a value is written \\:"),
            ("tcp:25:interface=localhost", "expected an IP address"),
            ("unix:/x:mode=999", "an octal number"),
            ("unix:/x:lockfile=2", "lockfile"),
            ("unix:/" + "x" * 120, "may be 107 octets long"),
            ("unix:a\0b", "NUL"),
            ("systemd:domain=INET", "either name= or index="),
            ("systemd:domain=X:name=y", "domain=INET"),
            ("ssl:993:privateKey=x", "certificates belong into [tls]"),
            ("haproxy", "expected a listener"),
            ("haproxy:udp:25", "expected a listener"),
            ("haproxy:haproxy:tcp:25", "expected a listener"),
            ("ssl:haproxy:tcp:993", "write haproxy:ssl:"),
        ):
            error = self.assertRaises(ValueError, parse_listener, text)
            self.assertIn(words, str(error), text)

    def test_behind_a_proxy(self) -> None:
        """``haproxy:`` stands in front of all, TLS too; the socket is the same."""
        for text, tls, spelling, endpoint, on_path in (
            ("haproxy:tcp:25", False, "haproxy:tcp:25", "tcp:25", False),
            ("haproxy:ssl:993", True, "haproxy:ssl:993", "tcp:993", False),
            ("haproxy:ssl:tcp6:993", True, "haproxy:ssl:tcp6:993", "tcp6:993", False),
            ("haproxy:unix:/run/x", False, "haproxy:unix:/run/x", "unix:/run/x", True),
            (
                "haproxy:ssl:systemd:domain=UNIX:name=s",
                True,
                "haproxy:ssl:systemd:domain=UNIX:name=s",
                "systemd:domain=UNIX:name=s",
                True,
            ),
        ):
            listener = parse_listener(text)
            self.assertTrue(listener.fronted)
            self.assertEqual((tls, spelling), (listener.implicit_tls, format_listener(listener)))
            self.assertEqual((endpoint, on_path), (listener.endpoint, listener.on_path))
        self.assertFalse(parse_listener("tcp:25").fronted)

    @given(st.text(alphabet="tcp6ssluniexymdharo:=\\0123456789/.[]", max_size=30))
    def test_twisted_agrees(self, text: str) -> None:
        """What is taken, Twisted takes too, and writing it again changes nothing."""
        try:
            listener = parse_listener(text)
        except ValueError:
            return
        self.assertEqual(listener, parse_listener(format_listener(listener)))
        if listener.kind != "systemd":
            serverFromString(MemoryReactor(), listener.endpoint)
