"""Submission through the front door, with a relay behind it."""

from __future__ import annotations

import smtplib
from typing import Any, cast

from twisted.internet.threads import deferToThread

from mailframe.location.values import Transport
from mailframe.roles.listening import Listener
from mailframe.roles.relay import RelayRole
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.memory import MemoryStore
from mailframe.testing.store.fixture import describe

from .farm import ALICE, BOB, FarmCase, reactor
from .test_imap import Peer


class SubmissionProxyTests(FarmCase):
    """A relay for alice's mail."""

    async def farm(self, **settings: Any) -> Any:
        """The relay, and the proxy."""
        store = self.mail.setdefault("s1", MemoryStore(describe))
        role = RelayRole(
            [Listener(self.endpoint(), True, "relay")],
            store,
            self.directory,
            self.authenticator(),
            reactor,
            settings=SMTPSettings(hostname="relay.example.test"),
            tls=cast(Any, self.contexts),
        )
        await self.start(role, "s1")
        return await self.start_proxy("submission", **settings)

    async def talk(self, function: Any) -> Any:
        """Run a client in a thread."""
        peer = await deferToThread(Peer, self.ports["proxy"])
        try:
            return await deferToThread(function, peer)
        finally:
            peer.close()

    async def test_mail_goes_through(self) -> None:
        """A client logs in here and sends there, as who it is."""
        await self.farm()

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", self.ports["proxy"], timeout=10) as client:
                client.login(ALICE, "geheim")
                client.sendmail(
                    ALICE, [BOB], b"From: %b\r\nSubject: through\r\n\r\ntext\r\n" % ALICE.encode()
                )

        await deferToThread(send)
        box = await self.mail["s1"].account(BOB)
        self.assertEqual(1, (await box.status("INBOX")).messages)
        box.close()

    async def test_before_login(self) -> None:
        """Nothing of mail is taken before the login; the rest is answered here."""
        await self.farm()

        def say(peer: Peer) -> list[bytes]:
            lines = [peer.line()]
            for words in (b"AUTH PLAIN AGEAYg==", b"MAIL FROM:<a@b.test>", b"NOOP", b"NONSENSE", b"QUIT"):
                peer.say(words + b"\r\n")
                lines.append(peer.line())
            return lines

        lines = await self.talk(say)
        self.assertEqual([b"220", b"503", b"530", b"250", b"500", b"221"], [line[:3] for line in lines])

    async def test_wrong_password(self) -> None:
        """It is refused here."""
        await self.farm()

        def login() -> int:
            with smtplib.SMTP("127.0.0.1", self.ports["proxy"], timeout=10) as client:
                try:
                    client.login(ALICE, "wrong")
                except smtplib.SMTPAuthenticationError as error:
                    return int(error.smtp_code)
            return 0

        self.assertEqual(535, await deferToThread(login))

    async def test_no_login_in_clear(self) -> None:
        """Where TLS is required, AUTH is not offered without, and refused."""
        await self.farm(clear_auth_from_loopback=False)

        def say(peer: Peer) -> list[bytes]:
            peer.line()
            peer.say(b"EHLO client.test\r\n")
            lines = [peer.line()]
            while lines[-1][3:4] == b"-":
                lines.append(peer.line())
            peer.say(b"AUTH PLAIN AGEAYg==\r\n")
            return [*lines, peer.line()]

        *lines, refusal = await self.talk(say)
        self.assertIn(b"250 STARTTLS\r\n", lines)
        self.assertTrue(refusal.startswith(b"538 "), refusal)

    async def test_server_away(self) -> None:
        """A server that is away is a temporary fault."""
        await self.farm()
        await self.start_proxy(
            "submission", stores=[self.store("s1", "submission", transport=Transport.NONE)]
        )
        await self.roles[0].drain()

        def login() -> int:
            with smtplib.SMTP("127.0.0.1", self.ports["proxy"], timeout=10) as client:
                try:
                    client.login(ALICE, "geheim")
                except smtplib.SMTPAuthenticationError as error:
                    return int(error.smtp_code)
            return 0

        self.assertEqual(454, await deferToThread(login))
