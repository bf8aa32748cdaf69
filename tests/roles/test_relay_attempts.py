"""Attempts to send mail through a host that is not for it: none gets through `mx`, `relay` without login, or `store`.

Each form is one way in which an address named two hosts at some time in the history of mail, or in which a server was
talked into reading it so. What counts is not the reply alone: no connection is made to anybody, and nothing is kept
for anybody but the one account there is.
"""

from __future__ import annotations

import base64

from mailframe.roles.listening import ListeningRole
from mailframe.roles.mx import MXRole
from mailframe.roles.relay import RelayRole
from mailframe.roles.store import StoreRole
from mailframe.roles.submission import SubmissionRules
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import RecordingDelivery

from .house import ALICE, PASSWORD, Client, Reactor, RoleCase
from .test_relay import LOGIN, FakeContexts

OURS, THEIRS = "example.test", "elsewhere.test"
FORMS: tuple[str, ...] = (
    # Plain.
    "<victim@elsewhere.test>",
    "<VICTIM@ELSEWHERE.TEST>",
    "<victim@sub.example.test>",
    "<victim@example.test.elsewhere.test>",
    "<victim@elsewhere.test.>",
    "<victim@notexample.test>",
    "victim@elsewhere.test",
    " <victim@elsewhere.test>",
    "  <victim%elsewhere.test@example.test>",
    "<victim>",
    "<victim@localhost>",
    "<victim@elsewhere>",
    # Percent hack.
    "<victim%elsewhere.test@example.test>",
    "<victim%elsewhere.test>",
    "<victim%elsewhere.test@>",
    "<victim%elsewhere.test@[127.0.0.1]>",
    "<victim%elsewhere.test@mx.example.test>",
    "<victim%elsewhere.test%example.test@example.test>",
    '<"victim%elsewhere.test"@example.test>',
    "<victim%40elsewhere.test@example.test>",
    # Two at-signs, quoted and not.
    "<victim@elsewhere.test@example.test>",
    '<"victim@elsewhere.test">',
    '<"victim@elsewhere.test"@example.test>',
    '<"victim\\@elsewhere.test"@example.test>',
    "<victim\\@elsewhere.test@example.test>",
    '<"victim"@elsewhere.test>',
    '<"vic\\tim"@elsewhere.test>',
    "<alice@example.test@elsewhere.test>",
    # Bang paths.
    "<elsewhere.test!victim>",
    "<elsewhere.test!victim@example.test>",
    "<elsewhere.test!victim@[127.0.0.1]>",
    "<example.test!elsewhere.test!victim@example.test>",
    "<!victim@elsewhere.test>",
    # Source routes.
    "<@example.test:victim@elsewhere.test>",
    "<@example.test,@mx.example.test:victim@elsewhere.test>",
    "<@[127.0.0.1]:victim@elsewhere.test>",
    "<@elsewhere.test:victim@elsewhere.test>",
    "<@example.test:victim%elsewhere.test@example.test>",
    "<@elsewhere.test:@example.test:victim@elsewhere.test>",
    "<example.test:victim@elsewhere.test>",
    # Address literals, ours and theirs.
    "<victim@[127.0.0.1]>",
    "<victim@[192.0.2.7]>",
    "<victim@[IPv6:::1]>",
    "<victim@[IPv6:2001:db8::7]>",
    "<victim@[elsewhere.test]>",
    "<victim@[tag:elsewhere.test]>",
    "<victim@2130706433>",
    "<victim@0x7f000001>",
    "<victim@127.0.0.1>",
    # UTF-8, A-labels and look-alikes.
    "<victim@b\u00fccher.test>",
    "<victim@xn--bcher-kva.test>",
    "<v\u00edctim@elsewhere.test>",
    "<victim@ex\u0430mple.test>",
    "<victim\uff20elsewhere.test@example.test>",
    "<victim@elsewhere\u3002test>",
    "<victim@example\uff0etest>",
    # Things in brackets, lists, comments, programs and files.
    "<victim@elsewhere.test>,<alice@example.test>",
    "<victim@elsewhere.test,alice@example.test>",
    "<alice@example.test,victim@elsewhere.test>",
    "<alice@example.test> <victim@elsewhere.test>",
    "<<victim@elsewhere.test>>",
    "(alice@example.test)<victim@elsewhere.test>",
    "<victim(@example.test)@elsewhere.test>",
    "<|/bin/sh@example.test>",
    '<"|/bin/sh"@example.test>',
    "</var/mail/victim@example.test>",
    "<:include:/etc/passwd@example.test>",
    "<smtp:victim@elsewhere.test>",
    "<victim=elsewhere.test@example.test>",
    "<victim#elsewhere.test@example.test>",
    "<+victim@elsewhere.test@example.test>",
    # Subaddresses that look like somebody.
    "<victim+alice@example.test>",
    "<@example.test>",
    "<>",
    # Octets that some reader stops at.
    "<victim@elsewhere.test\x00@example.test>",
    "<alice@example.test\x00@elsewhere.test>",
    "<victim@elsewhere.test\t@example.test>",
    "<victim@elsewhere.test\rRCPT TO:<alice@example.test>>",
    "<victim@elsewhere.test> ORCPT=rfc822;alice@example.test",
)
"""Forward-paths that are nobody's here."""
LANDING = (
    "<alice@example.test>",
    "<ALICE@EXAMPLE.TEST>",
    " <alice@example.test>",
    "<@elsewhere.test:alice@example.test>",
    '<"alice"@example.test>',
    "<alice+victim=elsewhere.test@example.test>",
    "<alice+victim%elsewhere.test@example.test>",
)
"""Forward-paths that name a host of somebody else, and are Alice's all the same."""
SENDERS = (
    "<>",
    "<joe@sender.test>",
    "<alice@example.test>",
    "<postmaster@example.test>",
    "<victim@elsewhere.test>",
    "<@example.test:alice@example.test>",
    "<root@[127.0.0.1]>",
)
"""Reverse-paths that some server once trusted."""
TRICKS = (
    "XCLIENT ADDR=127.0.0.1 LOGIN=alice@example.test",
    "XFORWARD ADDR=127.0.0.1 SOURCE=LOCAL",
    "PROXY TCP4 127.0.0.1 127.0.0.1 25 25",
    "AUTH PLAIN " + base64.b64encode(b"\0alice@example.test\0").decode(),
    "AUTH EXTERNAL =",
    "AUTH ANONYMOUS =",
    "AUTH LOGIN",
    "*",
    "ETRN elsewhere.test",
    "ATRN elsewhere.test",
    "TURN",
    "SEND FROM:<joe@sender.test>",
    "VRFY <victim@elsewhere.test>",
    "EXPN <victim@elsewhere.test>",
    "HELO example.test",
    "EHLO [127.0.0.1]",
)
"""What might make a server take a stranger for one of its own."""
PARAMETERS = ("", " SMTPUTF8", " AUTH=<>", " AUTH=alice@example.test", " SMTPUTF8 BODY=8BITMIME")
DATA = "DATA\n"
MESSAGE = "Subject: x\nTo: victim@elsewhere.test\n\nx\n.\n"


class RelayAttemptCase(RoleCase):
    """One role, and what must not have happened to it."""

    def sealed(self) -> None:
        """Nobody was called, and nobody else has mail."""
        self.assertEqual(self.reactor.tcpClients, [])
        self.assertEqual(self.reactor.unixClients, [])
        self.assertEqual(self.reactor.sslClients, [])
        self.assertLessEqual(set(self.store._accounts), {ALICE})

    def attempt(self, client: Client, hello: str, forms: tuple[str, ...]) -> list[tuple[str, str]]:
        """Try every form from every sender.

        Returns:
            The forms that were accepted, each with its sender.
        """
        accepted, gone = [], client.ended
        client.say(f"{hello} c.test\n")
        for number, form in enumerate(forms):
            sender = SENDERS[number % len(SENDERS)]
            parameters = PARAMETERS[number % len(PARAMETERS)]
            client.say(f"RSET\nMAIL FROM:{sender}{parameters}\n")
            client.say(f"RSET\nMAIL FROM:{sender}\n") if parameters else None
            answer = client.say(f"RCPT TO:{form}\n")
            self.assertTrue(answer or gone, f"nobody listens to {form!r} any more")
            if answer.startswith("2") or "\n2" in answer:
                accepted.append((form, sender))
            if client.say(DATA).startswith("354"):
                client.say(MESSAGE)
        return accepted


# Whoever is slowed down or sent away tries nothing any more: every form must be looked at.
SETTINGS = SMTPSettings(
    hostname="mx.example.test",
    errors_limit=100_000,
    login_failures_limit=100_000,
    idle_commands_limit=0,
    refused_recipients_limit=0,
    tarpit_after=0,
)


class MXRelayAttempts(RelayAttemptCase):
    """The exchanger takes mail from anybody, for Alice only."""

    def client(self, **options: bool) -> Client:
        """A stranger."""
        role = MXRole([self.listener(25)], self.store, self.directory, self.reactor, SETTINGS)
        self.run_role(role)
        return Client(self.reactor, 25, **options)

    def test_battery(self) -> None:
        """No form of address makes it take mail for somebody elsewhere."""
        self.assertGreaterEqual(len(set(FORMS)), 40)
        self.assertEqual(self.attempt(self.client(), "EHLO", FORMS), [])
        self.sealed()
        self.assertEqual(len(self.store._accounts), 0)

    def test_battery_of_an_old_client(self) -> None:
        """It does not after HELO either."""
        self.assertEqual(self.attempt(self.client(), "HELO", FORMS), [])
        self.sealed()

    def test_tricks(self) -> None:
        """No command makes a stranger one of our own."""
        client = self.client()
        client.say("EHLO c.test\n")
        for trick in TRICKS:
            client.say(f"{trick}\n")
            self.assertEqual(self.attempt(client, "EHLO", FORMS[:12]), [], trick)
        self.sealed()

    def test_landing(self) -> None:
        """Forms that are Alice's reach her, each once, and nobody else."""
        accepted = self.attempt(self.client(), "EHLO", LANDING)
        self.assertEqual([form for form, _ in accepted], list(LANDING))
        self.assertEqual(len(self.contents(ALICE)), len(LANDING))
        self.sealed()


class RelayRelayAttempts(RelayAttemptCase):
    """Submission takes nothing from those who have not logged in."""

    def role(self) -> ListeningRole:
        """A role with both kinds of listeners."""
        role = RelayRole(
            [self.listener(587), self.listener(465, implicit_tls=True)],
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            SETTINGS,
            tls=FakeContexts(),
        )
        self.run_role(role)
        return role

    def test_battery(self) -> None:
        """Nothing is taken without a login, in clear, under TLS, or from this machine: not even what is Alice's."""
        self.role()
        for options in ({"port": 587}, {"port": 465, "secure": True}, {"port": 587, "peer": "127.0.0.1"}):
            client = Client(self.reactor, **options)  # type: ignore[arg-type]
            self.assertEqual(self.attempt(client, "EHLO", FORMS + LANDING), [], options)
        self.sealed()
        self.assertEqual(len(self.store._accounts), 0)

    def test_tricks(self) -> None:
        """Nothing that is said instead of a login counts for one."""
        self.role()
        client = Client(self.reactor, 465, secure=True)
        client.say("EHLO c.test\n")
        for trick in TRICKS:
            client.say(f"{trick}\n")
            self.assertFalse(client.ended, trick)
            self.assertEqual(self.attempt(client, "EHLO", LANDING), [], trick)
        self.sealed()

    def test_login_before_tls_is_forgotten(self) -> None:
        """What was said before STARTTLS, a login too, does not count after it."""
        self.role()
        client = Client(self.reactor, 587)
        word = base64.b64encode(f"\0{ALICE}\0{PASSWORD}".encode()).decode()
        client.say(f"EHLO c.test\nAUTH PLAIN {word}\n")
        client.say("STARTTLS\n")
        self.assertEqual(self.attempt(client, "EHLO", LANDING), [])
        self.sealed()


LISTED = "192.0.2.1"
STRANGERS = ("192.0.2.16", "192.0.1.255", "198.51.100.9", "127.0.0.1", "10.0.0.1", "192.0.2.1.9", "unix")
OUR_SENDERS = (
    "<>",
    "<alice@example.test>",
    "<postmaster@example.test>",
    "<@example.test:alice@example.test>",
)
ALICES_SENDERS = ("<>", "<alice@example.test>", "<@example.test:alice@example.test>")


class ListedNetworkRelayAttempts(RelayAttemptCase):
    """Clients of listed networks need not log in; what they may do is theirs alone, with a router and without."""

    def setUp(self) -> None:
        super().setUp()
        self.onward = RecordingDelivery()

    def role(self, router: bool = True) -> None:
        """A running one."""
        role = RelayRole(
            [self.listener(587), self.listener(465, implicit_tls=True)],
            None if router else self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            SETTINGS,
            tls=FakeContexts(),
            rules=SubmissionRules(networks=["192.0.2.0/28", "2001:db8::/64"]),
            onward=self.onward if router else None,
        )
        self.run_role(role)

    def senders(self) -> set[str]:
        """The reverse-paths of all that was handed to the router."""
        return {f"<{message.envelope.reverse_path or ''}>" for message in self.onward.messages}

    def test_strangers(self) -> None:
        """Whoever is not listed gets nothing to anybody, whatever he says, with a router and without."""
        for router in (True, False):
            self.reactor = Reactor()
            self.role(router)
            for peer in STRANGERS:
                client = Client(self.reactor, 587, peer=peer)
                self.assertEqual(self.attempt(client, "EHLO", FORMS[:12] + LANDING), [], peer)
            for hello, port in (("EHLO", 465), ("HELO", 587)):
                client = Client(self.reactor, port, secure=port == 465, peer=STRANGERS[0])
                self.assertEqual(self.attempt(client, hello, FORMS + LANDING), [], hello)
        self.assertEqual(self.onward.messages, [])
        self.sealed()

    def test_tricks(self) -> None:
        """Nothing that a stranger says makes him listed."""
        self.role()
        for trick in (*TRICKS, f"XCLIENT ADDR={LISTED}", f"XFORWARD ADDR={LISTED}", f"HELO [{LISTED}]"):
            client = Client(self.reactor, 465, secure=True, peer=STRANGERS[0])
            client.say(f"EHLO {LISTED}\n{trick}\n")
            self.assertEqual(self.attempt(client, "EHLO", LANDING), [], trick)
        client = Client(self.reactor, 587, peer=STRANGERS[0])
        client.say(f"PROXY TCP4 {LISTED} 127.0.0.1 25 25\n")
        self.assertEqual(self.attempt(client, "EHLO", LANDING), [])
        self.assertEqual(self.onward.messages, [])
        self.sealed()

    def test_listed(self) -> None:
        """A listed client reaches everybody over the router, from our domains only, and with a From of ours."""
        self.role()
        accepted = self.attempt(Client(self.reactor, 587, peer=LISTED), "EHLO", FORMS + LANDING)
        self.assertGreater(len(accepted), 20)
        self.assertLessEqual({sender for _, sender in accepted}, set(OUR_SENDERS))
        # Nobody knows what From the null reverse-path should have.
        self.assertEqual(self.senders(), set(OUR_SENDERS[1:3]))
        self.sealed()

    def test_logged_in(self) -> None:
        """Who logged in reaches everybody over the router, from addresses of its own only, listed or not."""
        self.role()
        for peer in (LISTED, STRANGERS[0]):
            client = Client(self.reactor, 465, secure=True, peer=peer)
            client.say(f"EHLO c.test\n{LOGIN}")
            accepted = self.attempt(client, "EHLO", FORMS + LANDING)
            self.assertGreater(len(accepted), 15)
            self.assertLessEqual({sender for _, sender in accepted}, set(ALICES_SENDERS))
        self.assertEqual(self.senders(), set(ALICES_SENDERS[:2]))
        self.sealed()

    def test_without_router(self) -> None:
        """Without a router a listed client reaches our own mailboxes, and nobody elsewhere."""
        self.role(router=False)
        client = Client(self.reactor, 587, peer=LISTED)
        self.assertEqual(self.attempt(client, "EHLO", FORMS), [])
        accepted = self.attempt(client, "EHLO", LANDING)
        self.assertLessEqual({sender for _, sender in accepted}, set(OUR_SENDERS))
        self.assertEqual(len(accepted), 4)
        self.sealed()


class StoreRelayAttempts(RelayAttemptCase):
    """The store takes mail for its own mailboxes, from its own exchangers."""

    def client(self, peer: str) -> Client:
        """A client of its LMTP listener."""
        role = StoreRole(
            self.store,
            self.directory,
            self.authenticator,
            self.reactor,
            lmtp=[self.listener(24)],
            lmtp_settings=SETTINGS,
        )
        self.run_role(role)
        return Client(self.reactor, 24, peer=peer)

    def test_battery(self) -> None:
        """Not even an exchanger of ours can send through it."""
        self.assertEqual(self.attempt(self.client("127.0.0.1"), "LHLO", FORMS), [])
        self.sealed()
        self.assertEqual(len(self.store._accounts), 0)

    def test_strangers(self) -> None:
        """Who is not listed cannot say a word."""
        client = self.client("192.0.2.9")
        self.assertTrue(client.ended)
        self.assertEqual(self.attempt(client, "LHLO", FORMS + LANDING), [])
        self.sealed()

    def test_landing(self) -> None:
        """Forms that are Alice's reach her."""
        accepted = self.attempt(self.client("127.0.0.1"), "LHLO", LANDING)
        self.assertEqual(len(accepted), len(LANDING))
        self.assertEqual(len(self.contents(ALICE)), len(LANDING))
