"""IMAP through the front door, with real stores behind it."""

from __future__ import annotations

import contextlib
import imaplib
import socket
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs

from mailframe.location.values import Host, Store, Transport
from mailframe.message.networks import Networks
from mailframe.roles.listening import Front
from mailframe.testing.store.fixture import new

from .farm import ALICE, BOB, FarmCase


class Peer:
    """A client that says lines.

    Args:
        port: the proxy's.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._file = self._socket.makefile("rb")

    def say(self, text: bytes) -> None:
        """Send octets."""
        self._socket.sendall(text)

    def line(self) -> bytes:
        """One line."""
        return self._file.readline()

    def until(self, tag: bytes) -> list[bytes]:
        """Lines up to the one with a tag."""
        lines = [self.line()]
        while lines[-1] and not lines[-1].startswith(tag + b" "):
            lines.append(self.line())
        return lines

    def close(self) -> None:
        """Leave."""
        self._file.close()
        self._socket.close()


class IMAPProxyTests(FarmCase):
    """Two stores, one door."""

    async def talk(self, function: Any) -> Any:
        """Run a client in a thread."""
        peer = await deferToThread(Peer, self.ports["proxy"])
        try:
            return await deferToThread(function, peer)
        finally:
            peer.close()

    async def farm(self, **settings: Any) -> Any:
        """Both stores, and the proxy."""
        await self.start_store("s1")
        await self.start_store("s2")
        return await self.start_proxy(**settings)

    async def append(self, store: str, account: str, octets: bytes) -> None:
        """Some mail."""
        box = await self.mail[store].account(account)
        await box.append("INBOX", [new(octets)])
        box.close()

    async def test_each_at_home(self) -> None:
        """Everybody comes to the store that has the mail, by any way to log in, and all of IMAP works there."""
        await self.farm()
        await self.append("s1", ALICE, b"Subject: for alice\r\n\r\n")
        await self.append("s2", BOB, b"Subject: for bob\r\n\r\n")

        def look(name: str, how: str) -> bytes:
            client = imaplib.IMAP4("127.0.0.1", self.ports["proxy"], timeout=10)
            with client:
                if how == "LOGIN":
                    client.login(name, "geheim")
                else:
                    client.authenticate("PLAIN", lambda _: f"\0{name}\0geheim".encode())
                client.append("INBOX", "", "", b"Subject: more\r\n\r\n" + b"x" * 300_000)
                client.select()
                found: Any = client.fetch("1:2", "(BODY[])")[1]
                self.assertEqual(300_000 + 19, len(found[2][1]))
                return bytes(found[0][1])

        for name, how, wanted in ((ALICE, "LOGIN", b"alice"), (BOB, "PLAIN", b"bob")):
            self.assertIn(wanted, await deferToThread(look, name, how))

    async def test_before_login(self) -> None:
        """What may be said before a login is answered here, and the rest refused."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            lines = [peer.line()]
            for number, words in enumerate(
                (
                    b"CAPABILITY",
                    b"NOOP",
                    b'ID ("name" "x")',
                    b"SELECT INBOX",
                    b"NONSENSE",
                    b"LOGIN a",
                    b"LOGOUT",
                )
            ):
                peer.say(b"a%d %b\r\n" % (number, words))
                lines += peer.until(b"a%d" % number)
            return lines

        lines = await self.talk(say)
        self.assertTrue(lines[0].startswith(b"* OK [CAPABILITY IMAP4rev1 "), lines[0])
        self.assertIn(b"AUTH=PLAIN", lines[1])
        self.assertNotIn(b"SCRAM", lines[1])
        verdicts = [line.split(b" ")[1] for line in lines if line.startswith(b"a")]
        self.assertEqual([b"OK", b"OK", b"OK", b"BAD", b"BAD", b"BAD", b"OK"], verdicts)

    async def test_capabilities_and_pipelining(self) -> None:
        """The answer to a login tells what the store can do, and commands sent behind the login are its to answer."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            peer.line()
            peer.say(b"a LOGIN %b geheim\r\nb SELECT INBOX\r\nc NOOP\r\n" % ALICE.encode())
            return peer.until(b"a") + peer.until(b"b") + peer.until(b"c")

        lines = await self.talk(say)
        self.assertTrue(lines[0].startswith(b"a OK [CAPABILITY IMAP4rev2 "), lines[0])
        self.assertIn(b"CONDSTORE", lines[0])
        self.assertTrue(any(line.startswith(b"b OK [READ-WRITE]") for line in lines))
        self.assertTrue(lines[-1].startswith(b"c OK"))

    async def test_wrong_password(self) -> None:
        """It is refused here, no store hears of it, and after some the connection ends."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            peer.line()
            lines = []
            for number in range(3):
                peer.say(b"a%d LOGIN %b wrong\r\n" % (number, ALICE.encode()))
                lines += peer.until(b"a%d" % number)
            return [*lines, peer.line(), peer.line()]

        with capturedLogs() as events:
            lines = await self.talk(say)
        self.assertEqual([b"NO"] * 3, [line.split(b" ")[1] for line in lines[:3]])
        self.assertTrue(lines[3].startswith(b"* BYE"))
        self.assertEqual(b"", lines[4])
        self.assertNotIn("wrong", repr([event for event in events if "reason" not in event]))

    async def test_no_login_in_clear(self) -> None:
        """Where TLS is required, no password is taken without it, and STARTTLS is offered."""
        await self.start_store("s1")
        await self.start_proxy(clear_auth_from_loopback=False)

        def say(peer: Peer) -> list[bytes]:
            greeting = peer.line()
            peer.say(b"a LOGIN %b geheim\r\n" % ALICE.encode())
            lines = peer.until(b"a")
            peer.say(b"b AUTHENTICATE PLAIN\r\n")
            return [greeting, *lines, *peer.until(b"b")]

        greeting, *verdicts = await self.talk(say)
        self.assertIn(b"LOGINDISABLED", greeting)
        self.assertIn(b"STARTTLS", greeting)
        self.assertNotIn(b"AUTH=", greeting)
        for verdict in verdicts:
            self.assertIn(b"NO [PRIVACYREQUIRED]", verdict)

        def with_tls() -> str:
            import ssl

            context = ssl.create_default_context(cafile=self.certificate)
            context.check_hostname = False
            with imaplib.IMAP4("127.0.0.1", self.ports["proxy"], timeout=10) as client:
                client.starttls(context)
                client.login(ALICE, "geheim")
                return str(client.select()[0])

        self.assertEqual("OK", await deferToThread(with_tls))

    async def test_store_away(self) -> None:
        """A store that is away is told as such, and is found again when it is back."""
        await self.start_store("s1")
        role = await self.start_proxy()
        port = self.ports["s1"]
        await self.roles[0].drain()

        def login(peer: Peer) -> list[bytes]:
            peer.line()
            peer.say(b"a LOGIN %b geheim\r\n" % ALICE.encode())
            return peer.until(b"a")

        lines = await self.talk(login)
        self.assertIn(b"a NO [UNAVAILABLE]", lines[-1])
        (problem,) = await role.health()
        self.assertEqual(("stores", "s1 cannot be reached"), (problem.name, problem.text))
        endpoint = self.endpoint()
        endpoint._port = port
        self.patch(self, "endpoint", lambda: endpoint)
        await self.start_store("s1")
        self.assertIn(b"a OK", (await self.talk(login))[-1])

    async def test_replica(self) -> None:
        """Where the first host of a store does not answer, the next one does."""
        await self.start_store("s1")
        known = self.store("s1")
        from dataclasses import replace

        both = replace(known, hosts=(Host("127.0.0.2", {"imap": 1}), *known.hosts))
        await self.start_proxy(stores=[both])
        self.assertIn(b"a OK", (await self.talk(self.login))[-1])

    def login(self, peer: Peer) -> list[bytes]:
        """Alice logs in."""
        peer.line()
        peer.say(b"a LOGIN %b geheim\r\n" % ALICE.encode())
        return peer.until(b"a")

    async def test_wrong_certificate(self) -> None:
        """A store whose certificate nobody has signed that we trust, or that is of another name, gets no password."""
        await self.start_store("s1")
        stranger = self.store("s1", authorities=None)
        other_name = self.store("s1", hosts=(Host("127.0.0.2", {"imap": self.ports["s1"]}),))
        for store in (stranger, other_name):
            await self.start_proxy(stores=[store])
            with capturedLogs() as events:
                verdict = (await self.talk(self.login))[-1]
            self.assertIn(b"a NO [UNAVAILABLE]", verdict)
            self.assertNotIn("geheim", repr(events))

    async def test_client_is_known_at_the_store(self) -> None:
        """With a PROXY header the store knows who the client is; from elsewhere it takes none."""
        await self.start_store("s1", front=Front(Networks(["127.0.0.0/8"])))
        await self.start_proxy(stores=[self.store("s1", proxy_protocol=True)])
        with capturedLogs() as events:
            self.assertIn(b"a OK", (await self.talk(self.login))[-1])
        peers = {
            event.get("peer")
            for event in events
            if event.get("log_namespace", "").startswith("mailframe.directory")
        }
        self.assertEqual({"127.0.0.1"}, peers)
        await self.start_store("s2", front=Front(Networks(["192.0.2.0/24"])))
        self.place(ALICE, "s2")
        await self.start_proxy(stores=[self.store("s2", proxy_protocol=True)])
        self.assertIn(b"a NO [UNAVAILABLE]", (await self.talk(self.login))[-1])

    async def test_loop(self) -> None:
        """A proxy that is its own store is found out, and the connection ends."""
        ports = {"imap": 0}
        loop = Store("s1", (Host("127.0.0.1", ports),), Transport.NONE)
        await self.start_proxy(stores=[loop])
        ports["imap"] = self.ports["proxy"]
        with capturedLogs() as events:
            self.assertIn(b"a NO", (await self.talk(self.login))[-1])
        self.assertEqual([3], [event["hops"] for event in events if "hops" in event])

    async def test_moved(self) -> None:
        """Whose mail has moved comes to the new place at the next login, without a word to the proxy."""
        await self.farm()
        await self.append("s2", ALICE, b"Subject: moved\r\n\r\n")
        self.place(ALICE, "s2")

        def look() -> bytes:
            with imaplib.IMAP4("127.0.0.1", self.ports["proxy"], timeout=10) as client:
                client.login(ALICE, "geheim")
                return bytes(client.select()[1][0] or b"")

        self.assertEqual(b"1", await deferToThread(look))

    async def test_held(self) -> None:
        """While a mailbox is held nobody gets in, and is told to come again."""
        await self.farm()
        self.place(ALICE, "s1", hold="moving to s2")
        self.assertIn(b"a NO [UNAVAILABLE]", (await self.talk(self.login))[-1])

    async def test_ends(self) -> None:
        """When one side ends, so does the other; nothing is left of the session."""
        role = await self.farm()

        def come_and_go(peer: Peer) -> None:
            self.login(peer)
            self.assertEqual(1, len(role.proxied))
            (session,) = role.proxied.all()
            self.assertEqual(("imap", ALICE, "s1"), (session.protocol, session.account, session.store))
            peer.say(b"b LOGOUT\r\n")
            self.assertTrue(peer.until(b"b")[-1].startswith(b"b OK"))
            self.assertEqual(b"", peer.line())

        with capturedLogs() as events:
            await self.talk(come_and_go)
            await self.gone(role)
        (line,) = [event for event in events if "at {store} ended" in event.get("log_format", "")]
        self.assertEqual((ALICE, "s1"), (line["account"], line["store"]))
        self.assertGreater(line["octets_out"], 0)

    async def gone(self, role: Any) -> None:
        """Wait until the proxy has no session."""
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        for _ in range(100):
            if not len(role.proxied) and not role.sessions():
                return
            await deferLater(reactor, 0.02)  # type: ignore[arg-type]
        self.fail("a session is left")

    async def test_kick(self) -> None:
        """Sessions can be ended by hand."""
        role = await self.farm()

        def stay(peer: Peer) -> bytes:
            self.login(peer)
            from twisted.internet import reactor
            from twisted.internet.threads import blockingCallFromThread

            kicked = blockingCallFromThread(
                reactor,
                role.proxied.kick,
                lambda session: session.account == ALICE,  # type: ignore[arg-type]
            )
            self.assertEqual(1, kicked)
            with contextlib.suppress(ConnectionResetError):
                return peer.line()
            return b""

        self.assertEqual(b"", await self.talk(stay))
        await self.gone(role)

    async def test_slow_reader(self) -> None:
        """A client that does not read holds up its own store connection only, and loses nothing."""
        role = await self.farm()
        await self.append("s1", ALICE, b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 1_000_000)

        def read_slowly(peer: Peer) -> int:
            import time

            self.login(peer)
            peer.say(b"b SELECT INBOX\r\n")
            peer.until(b"b")
            peer.say(b"c FETCH 1 BODY.PEEK[]\r\n")
            time.sleep(1.0)
            total = 0
            while True:
                line = peer.line()
                total += len(line)
                if line.startswith(b"c OK") or not line:
                    return total

        self.assertGreater(await self.talk(read_slowly), 16_000_000)
        self.assertLess(peak(role), 8_000_000)

    async def test_plain_store(self) -> None:
        """Where nobody can listen in between, a store may be talked with in clear."""
        await self.start_store("s1", tls=False)
        await self.start_proxy(stores=[self.store("s1", transport=Transport.NONE)])
        self.assertIn(b"a OK", (await self.talk(self.login))[-1])
        await self.start_proxy(stores=[self.store("s1", transport=Transport.STARTTLS)])
        self.assertIn(b"a OK", (await self.talk(self.login))[-1])


def peak(role: Any) -> int:
    """Octets that wait in the proxy's transports now."""
    total = 0
    for protocol in role._protocols():
        transport = protocol.transport
        total += len(getattr(transport, "dataBuffer", b"")) + getattr(transport, "_tempDataLen", 0)
    return total
