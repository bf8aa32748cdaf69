"""Stores that know the proxy in front of them: users may log in there by whatever the proxy can check."""

from __future__ import annotations

import imaplib
import os
import poplib
from typing import Any

from twisted.internet.threads import deferToThread
from zope.interface import implementer

from mailframe.directory.interfaces import ITokens
from mailframe.directory.masters import Master
from mailframe.location.values import Entrance
from mailframe.message.networks import Networks
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError
from mailframe.roles.listening import Front
from mailframe.tls.options import CertificateFiles, TLSOptions
from mailframe.tls.server import Contexts
from tests.tls.authorities import issue, trusted

from .farm import ALICE, BOB, FarmCase

HERE = Networks(["127.0.0.0/8"])
LONG = "a password of the proxy's own"


@implementer(ITokens)
class Tokens:
    """Knows one token."""

    hints = b',"scope":"mail"'

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    async def account(self, token: str) -> str:
        """Whose it is."""
        if token != "alices":
            raise MailframeError(CREDENTIALS_INVALID)
        return ALICE


class MasterTests(FarmCase):
    """One store and a proxy."""

    def log_in(self, name: str = ALICE, password: str = "geheim") -> str:
        """By LOGIN; what comes of it."""
        with imaplib.IMAP4("127.0.0.1", self.ports["proxy"], timeout=10) as client:
            try:
                client.login(name, password)
            except imaplib.IMAP4.error as error:
                return str(error)
            return client.select()[0]

    def present(self, mechanism: str, response: str) -> str:
        """By a mechanism with one response; what comes of it."""
        with imaplib.IMAP4("127.0.0.1", self.ports["proxy"], timeout=10) as client:
            try:
                client.authenticate(mechanism, lambda _: response.encode())
            except imaplib.IMAP4.error as error:
                return str(error)
            return client.select()[0]

    async def farm(self, knows: Master | None, **known: Any) -> None:
        """A store that knows a master, and a proxy that says who it is."""
        self.masters = [knows] if knows is not None else []
        await self.start_store("s1")
        await self.start_proxy(stores=[self.store("s1", **known)])

    async def test_password(self) -> None:
        """A proxy with the right password opens every mailbox, for those who have shown it who they are."""
        await self.farm(Master("front", HERE, LONG), entrance=Entrance.MASTER, master="front", password=LONG)
        self.assertEqual("OK", await deferToThread(self.log_in))
        self.place(BOB, "s1")
        self.assertEqual("OK", await deferToThread(self.log_in, BOB))
        self.assertIn("AUTHENTICATIONFAILED", await deferToThread(self.log_in, ALICE, "wrong"))

    async def test_wrong_password(self) -> None:
        """One with a wrong password opens none; its users come again, as it is no fault of theirs."""
        await self.farm(
            Master("front", HERE, LONG), entrance=Entrance.MASTER, master="front", password="x" * 20
        )
        self.assertIn("UNAVAILABLE", await deferToThread(self.log_in))

    async def test_elsewhere(self) -> None:
        """The right password from another network opens none."""
        elsewhere = Master("front", Networks(["192.0.2.0/24"]), LONG)
        await self.farm(elsewhere, entrance=Entrance.MASTER, master="front", password=LONG)
        self.assertIn("UNAVAILABLE", await deferToThread(self.log_in))

    async def test_behind_header(self) -> None:
        """Where a PROXY header tells of the client, the master's network is still that of the proxy itself."""
        self.masters = [Master("front", HERE, LONG)]
        await self.start_store("s1", front=Front(HERE))
        known: dict[str, Any] = {"entrance": Entrance.MASTER, "master": "front", "password": LONG}
        await self.start_proxy(stores=[self.store("s1", proxy_protocol=True, **known)])
        self.assertEqual("OK", await deferToThread(self.log_in))

    async def test_not_for_nobody(self) -> None:
        """Nobody gets into a mailbox that is not there, or that is disabled, by a master."""
        await self.farm(Master("front", HERE, LONG), entrance=Entrance.MASTER, master="front", password=LONG)
        self.place(ALICE, "s1", enabled=False)
        self.assertIn("AUTHENTICATIONFAILED", await deferToThread(self.log_in))

    async def test_certificate(self) -> None:
        """The proxy may show a certificate instead; one of another name opens nothing."""
        for name, wanted in (("front.example.test", "OK"), ("other.example.test", "UNAVAILABLE")):
            files = issue(name).write(self.mktemp())
            pair = CertificateFiles(self.certificate, os.path.join(self.files, "key.pem"))
            options = TLSOptions(
                certificates=[pair],
                client_certificates="request",
                client_authorities=trusted(self.mktemp()),  # type: ignore[arg-type]
            )
            self.contexts = Contexts(options=options, hostname="store.test")
            await self.farm(
                Master("front.example.test", HERE, by_certificate=True),
                entrance=Entrance.CERTIFICATE,
                files=files,
            )
            self.assertIn(wanted, await deferToThread(self.log_in))

    async def test_other_proof(self) -> None:
        """A master of a certificate has no password that could be guessed, not even an empty one."""
        await self.farm(
            Master("front", HERE, by_certificate=True), entrance=Entrance.MASTER, master="front", password=""
        )
        self.assertIn("UNAVAILABLE", await deferToThread(self.log_in))

    async def test_pop3(self) -> None:
        """The same by POP3."""
        self.masters = [Master("front", HERE, LONG)]
        await self.start_store("s1", "pop3")
        store = self.store("s1", "pop3", entrance=Entrance.MASTER, master="front", password=LONG)
        await self.start_proxy("pop3", stores=[store])

        def look() -> bytes:
            client = poplib.POP3("127.0.0.1", self.ports["proxy"], timeout=10)
            client.user(ALICE)
            client.pass_("geheim")
            client.stat()
            return client.quit()

        self.assertTrue((await deferToThread(look)).startswith(b"+OK"))

    async def test_token(self) -> None:
        """An OAuth token that was said to the proxy is said to a store that checks it again."""
        self.tokens = Tokens()
        await self.farm(None)
        said = f"n,a={ALICE},\x01auth=Bearer alices\x01\x01"
        self.assertEqual("OK", await deferToThread(self.present, "OAUTHBEARER", said))
        self.assertEqual(
            "OK", await deferToThread(self.present, "XOAUTH2", f"user={ALICE}\x01auth=Bearer alices\x01\x01")
        )
        wrong = said.replace("Bearer alices", "Bearer bobs")
        self.assertIn("AUTHENTICATIONFAILED", await deferToThread(self.present, "OAUTHBEARER", wrong))

    async def test_master_at_the_door(self) -> None:
        """Whoever is a master at proxy and store logs in for others through both."""
        await self.farm(Master("helpdesk", HERE, LONG))
        said = f"{ALICE}\0helpdesk\0{LONG}"
        # This proxy knows no masters: it is a wrong login.
        self.assertIn("AUTHENTICATIONFAILED", await deferToThread(self.present, "PLAIN", said))
        await self.start_proxy(stores=[self.store("s1")], masters=self.masters)
        self.assertEqual("OK", await deferToThread(self.present, "PLAIN", said))
        self.masters.clear()
        await self.start_store("s1")
        # And this store knows none: the master's password is not taken for the user's.
        await self.start_proxy(stores=[self.store("s1")], masters=[Master("helpdesk", HERE, LONG)])
        self.assertIn("UNAVAILABLE", await deferToThread(self.present, "PLAIN", said))


class WordsTests(FarmCase):
    """Masters without a proxy."""

    async def test_directly(self) -> None:
        """An administrator reads a user's mail by PLAIN with an authorization identity, and by SCRAM."""
        self.masters = [Master("helpdesk", HERE, LONG)]
        await self.start_store("s1", tls=True)

        def look(response: str) -> str:
            import ssl

            context = ssl.create_default_context(cafile=self.certificate)
            context.check_hostname = False
            with imaplib.IMAP4_SSL("127.0.0.1", self.ports["s1"], ssl_context=context, timeout=10) as client:
                try:
                    client.authenticate("PLAIN", lambda _: response.encode())
                except imaplib.IMAP4.error as error:
                    return str(error)
                return client.select()[0]

        self.assertEqual("OK", await deferToThread(look, f"{ALICE}\0helpdesk\0{LONG}"))
        for wrong in (
            f"{ALICE}\0helpdesk\0{LONG}x",
            f"nobody@example.test\0helpdesk\0{LONG}",
            f"\0helpdesk\0{LONG}",
            f"{BOB}\0{ALICE}\0geheim",
        ):
            self.assertIn("AUTHENTICATIONFAILED", await deferToThread(look, wrong))
        self.assertEqual("OK", await deferToThread(look, f"\0{ALICE}\0geheim"))

    def test_secret(self) -> None:
        """Masters are never shown with their passwords."""
        self.assertNotIn(LONG, repr(Master("front", HERE, LONG)))
