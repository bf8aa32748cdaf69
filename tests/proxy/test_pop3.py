"""POP3 through the front door, with real stores behind it."""

from __future__ import annotations

import poplib
from typing import Any

from twisted.internet.threads import deferToThread

from mailframe.location.values import Transport
from mailframe.testing.store.fixture import new

from .farm import ALICE, BOB, FarmCase
from .test_imap import Peer


class POP3ProxyTests(FarmCase):
    """Two stores, one door."""

    async def farm(self, **settings: Any) -> Any:
        """Both stores, and the proxy."""
        await self.start_store("s1", "pop3")
        await self.start_store("s2", "pop3")
        for store, account in (("s1", ALICE), ("s2", BOB)):
            box = await self.mail[store].account(account)
            await box.append("INBOX", [new(b"Subject: for %b\r\n\r\n.dot\r\n" % account.encode())])
            box.close()
        return await self.start_proxy("pop3", **settings)

    async def talk(self, function: Any) -> Any:
        """Run a client in a thread."""
        peer = await deferToThread(Peer, self.ports["proxy"])
        try:
            return await deferToThread(function, peer)
        finally:
            peer.close()

    async def test_each_at_home(self) -> None:
        """Everybody comes to the store that has the mail."""
        await self.farm()

        def look(name: str) -> tuple[Any, ...]:
            client = poplib.POP3("127.0.0.1", self.ports["proxy"], timeout=10)
            client.user(name)
            client.pass_("geheim")
            found = client.retr(1)[1]
            client.dele(1)
            client.quit()
            return tuple(found)

        for name in (ALICE, BOB):
            subject = b"Subject: for " + name.encode()
            self.assertEqual((subject, b"", b".dot"), await deferToThread(look, name))
        box = await self.mail["s1"].account(ALICE)
        self.assertEqual(0, (await box.status("INBOX")).messages)
        box.close()

    async def test_before_login(self) -> None:
        """What may be said before a login is answered here, and the rest refused."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            lines = [peer.line()]
            peer.say(b"CAPA\r\n")
            while lines[-1] != b".\r\n":
                lines.append(peer.line())
            for words in (b"STAT", b"PASS x", b"NONSENSE", b"USER x", b"PASS y", b"QUIT"):
                peer.say(words + b"\r\n")
                lines.append(peer.line())
            return lines

        lines = await self.talk(say)
        self.assertIn(b"SASL PLAIN LOGIN\r\n", lines)
        self.assertIn(b"STLS\r\n", lines)
        verdicts = [line.split()[0] for line in lines[-6:]]
        self.assertEqual([b"-ERR", b"-ERR", b"-ERR", b"+OK", b"-ERR", b"+OK"], verdicts)
        self.assertIn(b"[AUTH]", lines[-2])

    async def test_auth_and_pipelining(self) -> None:
        """AUTH PLAIN works, and what the client sent behind it is the store's to answer."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            from base64 import b64encode

            peer.line()
            token = b64encode(f"\0{ALICE}\0geheim".encode())
            peer.say(b"AUTH PLAIN\r\n")
            challenge = peer.line()
            peer.say(token + b"\r\nSTAT\r\nQUIT\r\n")
            return [challenge, peer.line(), peer.line(), peer.line()]

        challenge, entered, stat, bye = await self.talk(say)
        self.assertEqual(b"+ \r\n", challenge)
        self.assertTrue(entered.startswith(b"+OK"), entered)
        self.assertTrue(stat.startswith(b"+OK 1 "), stat)
        self.assertTrue(bye.startswith(b"+OK"))

    async def test_no_login_in_clear(self) -> None:
        """Where TLS is required, USER is refused before a password can be said."""
        await self.farm(clear_auth_from_loopback=False)

        def say(peer: Peer) -> list[bytes]:
            peer.line()
            peer.say(b"USER x\r\nAUTH PLAIN\r\n")
            return [peer.line(), peer.line()]

        for line in await self.talk(say):
            self.assertTrue(line.startswith(b"-ERR"), line)

    async def test_store_away(self) -> None:
        """A store that is away is a temporary fault, which clients do not take for a wrong password."""
        await self.farm()
        await self.roles[0].drain()

        def say(peer: Peer) -> bytes:
            peer.line()
            peer.say(b"USER %b\r\nPASS geheim\r\n" % ALICE.encode())
            peer.line()
            return peer.line()

        self.assertTrue((await self.talk(say)).startswith(b"-ERR [SYS/TEMP]"))

    async def test_starttls(self) -> None:
        """A store may be talked with by STLS."""
        await self.start_store("s1", "pop3", tls=False)
        await self.start_proxy("pop3", stores=[self.store("s1", "pop3", transport=Transport.STARTTLS)])

        def say(peer: Peer) -> bytes:
            peer.line()
            peer.say(b"USER %b\r\nPASS geheim\r\n" % ALICE.encode())
            peer.line()
            return peer.line()

        self.assertTrue((await self.talk(say)).startswith(b"+OK"))
