"""Every mechanism over every protocol: success, wrong, cancelled, malformed, in clear, not offered, downgraded."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.interfaces import ISASLAuthenticator
from mailframe.message.status import UNAVAILABLE, MailframeError, ProtocolError
from mailframe.sasl.client import ClientCredentials, ClientMechanism, choose, make
from mailframe.sasl.server import ORDER
from mailframe.testing.sasl import FakeSASLAuthenticator

from .dialogues import DIALOGUES, Dialogue, SMTPDialogue

ALICE = "alice@example.test"
BINDING = b"\1" * 32
RIGHT = ClientCredentials(ALICE, "secret", "token-of-alice", certificate=True)
WRONG = ClientCredentials(ALICE, "guess", "token-of-nobody", certificate=True)
FAILS = [name for name in ORDER if name != "EXTERNAL"]


def client(name: str, credentials: ClientCredentials = RIGHT) -> ClientMechanism:
    """A client's mechanism, bound to the channel where it is made for that."""
    return make(name, credentials, BINDING if name.endswith("-PLUS") else None)


class ProtocolsTests(SynchronousTestCase):
    """All of them alike."""

    def setUp(self) -> None:
        self.authenticator = FakeSASLAuthenticator(
            {ALICE: "secret", "bob@example.test": "other"}, {"token-of-alice": ALICE}
        )

    def connect(self, protocol: type[Dialogue], **arguments: Any) -> Any:
        arguments.setdefault("certificate", ALICE)
        dialogue = protocol(self.authenticator, **arguments)
        self.addCleanup(dialogue.lose)
        return dialogue

    def test_interface(self) -> None:
        """The fake is what it says."""
        self.assertTrue(verifyObject(ISASLAuthenticator, self.authenticator))

    def test_success(self) -> None:
        """Each logs in, with and without an initial response, and the client believes it."""
        for protocol in DIALOGUES:
            for name in ORDER:
                for early in (True, False):
                    dialogue = self.connect(protocol)
                    answer = dialogue.log_in(client(name), early=early)
                    self.assertTrue(dialogue.succeeded(answer), (protocol.name, name, early, answer))

    def test_wrong(self) -> None:
        """A wrong password, token or name is refused the same everywhere, and the dialogue goes on."""
        for protocol in DIALOGUES:
            for name in FAILS:
                for credentials in (WRONG, ClientCredentials("nobody@example.test", "secret", "x")):
                    dialogue = self.connect(protocol)
                    answer = dialogue.log_in(client(name, credentials))
                    self.assertTrue(dialogue.failed(answer), (protocol.name, name, answer))
                    answer = dialogue.log_in(client(name))
                    self.assertTrue(dialogue.succeeded(answer), (protocol.name, name, answer))
            dialogue = self.connect(protocol, certificate="nobody@example.test")
            self.assertTrue(dialogue.failed(dialogue.log_in(make("EXTERNAL", RIGHT))))

    def test_for_another(self) -> None:
        """Nobody becomes somebody else by asking for it."""
        credentials = ClientCredentials(
            ALICE, "secret", "token-of-alice", certificate=True, authzid="bob@example.test"
        )
        for protocol in DIALOGUES:
            for name in ORDER:
                if name not in ("LOGIN", "CRAM-MD5"):
                    dialogue = self.connect(protocol)
                    answer = dialogue.log_in(client(name, credentials))
                    self.assertTrue(dialogue.failed(answer), (protocol.name, name, answer))

    def test_offered(self) -> None:
        """All that the authenticator, the connection and the settings allow, in their order."""
        for protocol in DIALOGUES:
            self.assertEqual(self.connect(protocol).offered(), list(ORDER))
            without = self.connect(protocol, certificate=None).offered()
            self.assertEqual(without, [name for name in ORDER if name != "EXTERNAL"])
            selected = self.connect(protocol, mechanisms=("PLAIN", "SCRAM-SHA-256-PLUS"))
            self.assertEqual(selected.offered(), ["PLAIN", "SCRAM-SHA-256-PLUS"])
            self.assertFalse(selected.succeeded(selected.log_in(make("LOGIN", RIGHT))))

    def test_not_able(self) -> None:
        """What the authenticator cannot do is neither offered nor accepted."""
        self.authenticator = FakeSASLAuthenticator({ALICE: "secret"}, able=("PLAIN",))
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol)
            self.assertEqual(dialogue.offered(), ["PLAIN"])
            for name in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "CRAM-MD5", "OAUTHBEARER", "X"):
                answer = dialogue.command(name, None)
                self.assertTrue(answer.startswith(("504", "a NO [CANNOT]", "-ERR")), answer)

    def test_in_clear(self) -> None:
        """Without TLS nothing is offered, nor possible; where it is allowed, nothing that needs TLS."""
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol, secure=False)
            self.assertEqual(dialogue.offered(), [])
            for name in ("PLAIN", "SCRAM-SHA-256"):
                answer = dialogue.log_in(make(name, RIGHT))
                self.assertTrue(answer.startswith(("538 5.7.11", "a NO [PRIVACYREQUIRED]", "-ERR")), answer)
            dialogue = self.connect(protocol, secure=False, require_tls_for_auth=False)
            offered = dialogue.offered()
            self.assertEqual(offered, [n for n in ORDER if n != "EXTERNAL" and not n.endswith("-PLUS")])
            self.assertTrue(dialogue.succeeded(dialogue.log_in(make("SCRAM-SHA-1", RIGHT))))

    def test_passwords_not_selected(self) -> None:
        """Where no mechanism with a password is selected, no command with one is there either."""
        for protocol in DIALOGUES[1:]:
            dialogue = self.connect(protocol, mechanisms=("SCRAM-SHA-256",))
            answer = dialogue.say("a LOGIN x y" if protocol.name == "imap" else "USER x")[-1]
            self.assertTrue(answer.startswith(("a NO [PRIVACYREQUIRED]", "-ERR")), answer)

    def test_cancelled(self) -> None:
        """A client may give up after any challenge."""
        for protocol in DIALOGUES:
            for name in ORDER:
                dialogue = self.connect(protocol)
                self.assertIsNotNone(dialogue.challenge(dialogue.command(name, None)), name)
                self.assertTrue(dialogue.respond(b"*").startswith(protocol.cancelled), name)
                self.assertTrue(dialogue.succeeded(dialogue.log_in(client(name))), name)

    def test_malformed(self) -> None:
        """What is not base64, and what is not the mechanism's, ends the exchange and nothing else."""
        for protocol in DIALOGUES:
            for name in ORDER:
                dialogue = self.connect(protocol)
                for line in (b"no base64", b64encode(b"\xff\0\xff\0\xff\0")):
                    dialogue.command(name, None)
                    answer = dialogue.respond(line)
                    while dialogue.challenge(answer) is not None:
                        answer = dialogue.respond(line)
                    self.assertFalse(dialogue.succeeded(answer), name)
                self.assertTrue(dialogue.succeeded(dialogue.log_in(client(name))), name)

    def test_downgrade(self) -> None:
        """Somebody took -PLUS out of the list: the client tells what it saw, and is not let in."""
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol)
            mechanism = choose(["SCRAM-SHA-256"], RIGHT, True, BINDING)
            with capturedLogs() as events:
                answer = dialogue.log_in(mechanism)
            self.assertTrue(answer.startswith(("535 5.7.0", "a BAD", "-ERR")), answer)
            (event,) = [event for event in events if "failed" in event["log_format"]]
            self.assertEqual(event["mechanism"], "SCRAM-SHA-256")
            self.assertEqual(self.authenticator.judged, [])

    def test_another_channel(self) -> None:
        """A proof for another TLS session is worth nothing here."""
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol)
            answer = dialogue.log_in(make("SCRAM-SHA-256-PLUS", RIGHT, b"\2" * 32))
            self.assertTrue(dialogue.failed(answer), answer)

    def test_client_rejects_server(self) -> None:
        """The client cancels when it is shown a wrong signature; then it is not logged in."""
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol)
            scram = make("SCRAM-SHA-256", RIGHT)
            first = scram.start()
            assert first is not None
            challenge = dialogue.challenge(dialogue.command(scram.name, b64encode(first)))
            final = dialogue.respond(b64encode(scram.step(decoded(challenge))))
            self.assertTrue(decoded(dialogue.challenge(final)).startswith(b"v="))
            self.assertTrue(dialogue.respond(b"*").startswith(protocol.cancelled))
            self.assertRaises(ProtocolError, scram.finish)
            self.assertTrue(dialogue.succeeded(dialogue.log_in(make("PLAIN", RIGHT))))

    def test_refused_token(self) -> None:
        """A refused token is explained before it is refused, and whatever the client answers, it stays so."""
        for protocol in DIALOGUES:
            for answer in (b"AQ==", b"", b"*", b"nonsense"):
                dialogue = self.connect(protocol)
                message = b64encode(b"n,,\1auth=Bearer nobodys\1\1")
                refusal = decoded(dialogue.challenge(dialogue.command("OAUTHBEARER", message)))
                self.assertEqual(refusal, b'{"status":"invalid_token","scope":"mail"}')
                self.assertTrue(dialogue.failed(dialogue.respond(answer)), (protocol.name, answer))

    def test_cannot_be_checked(self) -> None:
        """When nothing can be checked the answer is temporary, whatever the mechanism, and nothing counts."""
        self.authenticator.error = MailframeError(UNAVAILABLE, "private")
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol, login_failures_limit=1)
            for name in ORDER:
                answer = dialogue.log_in(client(name))
                self.assertTrue(
                    answer.startswith(("454 4.3.2", "a NO [UNAVAILABLE]", "-ERR [SYS/TEMP]")), answer
                )
            self.assertFalse(dialogue.closed)
            # No "invalid_token" before it, at which clients throw their tokens away.
            answer = dialogue.command("OAUTHBEARER", b64encode(b"n,,\1auth=Bearer token-of-alice\1\1"))
            self.assertIsNone(dialogue.challenge(answer), answer)

    def test_too_many(self) -> None:
        """Failed logins of all kinds together end the connection; so do salts that are asked for in vain."""
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol, login_failures_limit=3)
            dialogue.log_in(make("SCRAM-SHA-1", WRONG))
            first = b64encode(b"n,,n=alice@example.test,r=abc")
            dialogue.command("SCRAM-SHA-256", first)
            dialogue.respond(b"*")
            self.assertFalse(dialogue.closed)
            dialogue.command("OAUTHBEARER", b64encode(b"n,,\1auth=Bearer nobodys\1\1"))
            self.assertTrue(dialogue.closed, protocol.name)
            dialogue = self.connect(protocol, login_failures_limit=1)
            dialogue.command("SCRAM-SHA-256", first)
            dialogue.respond(b"*")
            self.assertTrue(dialogue.closed, protocol.name)

    def test_one_line(self) -> None:
        """A failed login is one line in the log: who, from where, by what, in which session; and no secret."""
        for protocol in DIALOGUES:
            for name in FAILS:
                dialogue = self.connect(protocol)
                with capturedLogs() as events:
                    dialogue.log_in(client(name, WRONG))
                (event,) = [event for event in events if event["log_level"].name == "warn"]
                self.assertEqual(
                    (event["peer"], event["mechanism"], event["protocol"]), ("192.0.2.1", name, protocol.name)
                )
                self.assertEqual(event["login"], ALICE)
                self.assertTrue(event["session_id"])
                self.assertNotIn("guess", repr(event))
                self.assertNotIn("token-of", repr(event))

    def test_long_tokens(self) -> None:
        """A token of some KB, as large providers give them, fits in a response; an endless one does not."""
        self.authenticator = FakeSASLAuthenticator({}, {"x" * 8000: ALICE})
        for protocol in DIALOGUES:
            dialogue = self.connect(protocol)
            credentials = ClientCredentials(ALICE, token="x" * 8000)
            answer = dialogue.log_in(make("OAUTHBEARER", credentials), early=False)
            self.assertTrue(dialogue.succeeded(answer), (protocol.name, answer))
            dialogue = self.connect(protocol)
            dialogue.command("OAUTHBEARER", None)
            dialogue.protocol.dataReceived(b"x" * 20_000)
            lines = dialogue.heard()
            self.assertFalse(dialogue.succeeded(lines[0]))

    @settings(max_examples=60)
    @given(
        st.sampled_from(DIALOGUES),
        st.sampled_from(ORDER),
        st.lists(
            st.one_of(
                st.binary(max_size=40).map(b64encode),
                st.sampled_from(
                    [
                        b64encode(b"n,,n=alice@example.test,r=abc"),
                        b64encode(b"c=biws,r=abc,p=AAAA"),
                        b"=",
                        b"*",
                        b"",
                    ]
                ),
            ),
            max_size=5,
        ),
    )
    def test_anything(self, protocol: type[Dialogue], name: str, lines: list[bytes]) -> None:
        """Whatever a stranger says, it is never let in, and always answered."""
        authenticator = FakeSASLAuthenticator({ALICE: "secret"}, {})
        dialogue: Any = protocol(authenticator, certificate="nobody@example.test", login_failures_limit=1000)
        answer = dialogue.command(name, None)
        for line in lines:
            if dialogue.challenge(answer) is None:
                answer = dialogue.command(name, line or None)
            else:
                answer = dialogue.respond(line)
            self.assertFalse(dialogue.succeeded(answer), answer)
        dialogue.lose()


class SMTPTests(SynchronousTestCase):
    """What only SMTP has."""

    def test_keyword(self) -> None:
        """Where nothing can be offered, the keyword is not there."""
        dialogue = SMTPDialogue(FakeSASLAuthenticator({}, able=()))
        self.assertEqual([line for line in dialogue.keywords if "AUTH" in line], [])
        dialogue.lose()


def decoded(challenge: bytes | None) -> bytes:
    """A challenge's octets."""
    assert challenge is not None
    return b64decode(challenge, validate=True)
