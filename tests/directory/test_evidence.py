"""Logins by SCRAM, CRAM-MD5, tokens and certificates."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.config.types import Secret
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.hashing import BUSY, HashingThreads
from mailframe.directory.interfaces import ISASLAuthenticator, ITokens
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.directory.passwords import make_hash
from mailframe.directory.scram_keys import new_keys
from mailframe.directory.values import Evidence, Identity
from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError, Status
from mailframe.sasl.client_mechanisms import ClientCredentials
from mailframe.sasl.client_scram import ClientScram
from mailframe.sasl.scram import Keys
from mailframe.sasl.server_scram import Scram
from mailframe.sasl.values import Certificate, Challenge, Claim, Digest, KeysWanted, Password, Proof, Token

from .test_authenticator import Threads

ALICE, BOB, CAROL, DAVE = (f"{name}@example.test" for name in ("alice", "bob", "carol", "dave"))


@implementer(ITokens)
class Tokens:
    """Knows two tokens."""

    hints = b',"scope":"mail"'
    error: MailframeError | None = None
    asked = 0

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    async def account(self, token: str) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        if token not in ("alices", "strangers"):
            raise MailframeError(CREDENTIALS_INVALID)
        return {"alices": "Alice@example.test", "strangers": "stranger@example.test"}[token]


class EvidenceTests(SynchronousTestCase):
    """With a clock and without threads."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = MemoryDirectory(["example.test"])
        self.directory.add_account(
            ALICE,
            make_hash("right", "SSHA256"),
            keys=new_keys("right", ["SCRAM-SHA-256", "SCRAM-SHA-1"], 4096),
        )
        self.directory.add_account(BOB, "{PLAIN}right")
        self.directory.add_account(CAROL, make_hash("right", "CRAM-MD5"))
        self.directory.add_account(DAVE, make_hash("right", "SCRAM-SHA-256"))
        self.threads = Threads()
        self.tokens = Tokens()
        self.make()

    def make(self, **options: Any) -> None:
        everything = {"scram": True, "scram_sha_1": True, "cram_md5": True, "external": True}
        self.authenticator = self.another(**{**everything, "scram_iterations": 5000, **options})

    def another(self, **options: Any) -> PasswordAuthenticator:
        options.setdefault("salt_secret", Secret("pepper"))
        made = PasswordAuthenticator(
            self.directory,
            self.clock,
            PasswordOptions(**options),
            cast(HashingThreads, self.threads),
            self.tokens,
        )
        self.now(made.start())
        self.threads.calls.clear()
        return made

    def now(self, awaitable: Awaitable[Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(cast(Any, awaitable)))

    def judged(self, claim: Claim, peer: str = "192.0.2.1") -> Deferred[Identity]:
        return Deferred.fromCoroutine(self.authenticator.judge(Evidence(claim, peer, "imap", "S1")))

    def right(self, claim: Claim) -> str:
        return str(self.successResultOf(self.judged(claim)).account.name)

    def wrong(self, claim: Claim, status: Status = CREDENTIALS_INVALID) -> None:
        error = self.failureResultOf(self.judged(claim), MailframeError)
        self.assertEqual(error.value.status, status)

    def scram(self, name: str, password: str, base: str = "SCRAM-SHA-256", authzid: str = "") -> Proof:
        """The claim of a client after a whole dialogue."""
        client = ClientScram(base, ClientCredentials(name, password, authzid=authzid))
        server = Scram(base, None, False)
        wanted = server.step(client.start())
        assert isinstance(wanted, KeysWanted)
        challenge = server.keys(self.now(self.authenticator.keys(wanted.authcid, wanted.mechanism)))
        assert isinstance(challenge, Challenge)
        proof = server.step(client.step(challenge.octets))
        assert isinstance(proof, Proof)
        return proof

    def test_interface(self) -> None:
        """It knows more than passwords."""
        self.assertTrue(verifyObject(ISASLAuthenticator, self.authenticator))
        self.assertTrue(verifyObject(ITokens, self.tokens))
        self.assertEqual(self.authenticator.oauth_hints, self.tokens.hints)

    def test_mechanisms(self) -> None:
        """What is configured is offered, and nothing else."""
        self.assertEqual(
            set(self.authenticator.mechanisms()),
            {
                "SCRAM-SHA-256",
                "SCRAM-SHA-1",
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
                "EXTERNAL",
                "OAUTHBEARER",
                "XOAUTH2",
            },
        )
        self.tokens = cast(Any, None)
        self.assertEqual(set(self.another().mechanisms()), {"PLAIN", "LOGIN"})
        self.assertEqual(set(self.another(scram=True).mechanisms()), {"SCRAM-SHA-256", "PLAIN", "LOGIN"})

    def test_scram(self) -> None:
        """With keys beside the hash, with keys as the hash, and with a password in clear."""
        for name in (ALICE, BOB, DAVE):
            self.assertEqual(self.right(self.scram(name.upper(), "right")), name)
            self.wrong(self.scram(name, "wrong"))
        self.assertEqual(self.right(self.scram(ALICE, "right", "SCRAM-SHA-1")), ALICE)
        self.assertEqual(self.right(self.scram(BOB, "right", "SCRAM-SHA-1")), BOB)

    def test_without_keys(self) -> None:
        """Who has none for the mechanism, or no account, or a disabled one, has no right proof."""
        for name in (CAROL, "nobody@example.test", "x" * 400, ""):
            self.wrong(self.scram(name or "?", "right"))
        self.wrong(self.scram(DAVE, "right", "SCRAM-SHA-1"))
        self.directory.set_enabled(ALICE, False)
        self.wrong(self.scram(ALICE, "right"))
        self.wrong(Proof("nobody@example.test", True))

    def test_authzid(self) -> None:
        """One may say one's own name, and nobody may be another."""
        self.assertEqual(self.right(self.scram(ALICE, "right", authzid=ALICE.upper())), ALICE)
        self.wrong(self.scram(ALICE, "right", authzid=BOB))
        self.wrong(Certificate(ALICE, BOB))

    def test_empty_password(self) -> None:
        """An account whose password is left empty lets nobody in, by whatever mechanism."""
        self.make(account_attempts=100)
        for stored in ("{PLAIN}", "{CLEARTEXT.HEX}", make_hash("right", "SSHA256")):
            self.directory.set_password(BOB, stored)
            for base in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
                self.wrong(self.scram(BOB, "", base))
            self.wrong(Digest(BOB, b"<1>", hmac.digest(b"", b"<1>", "md5").hex().encode()))

    def test_changed_password(self) -> None:
        """A new password without keys leaves none of the old one's."""
        self.directory.set_password(ALICE, make_hash("new", "SSHA256"))
        self.wrong(self.scram(ALICE, "right"))

    def test_nobody_learns_who_is_there(self) -> None:
        """Salts of unknown users look like others, are the same each time, in each process, and cost the same."""
        names = (ALICE, BOB, CAROL, DAVE, "nobody@example.test")
        first = [self.now(self.authenticator.keys(name, "SCRAM-SHA-256")) for name in names]
        self.assertEqual([call[0] for call in self.threads.calls], ["derive"] * len(names))
        self.assertEqual(len({call[-1] for call in self.threads.calls}), 1, "the same iterations")
        other = self.another(scram=True, scram_iterations=5000)
        again = [self.now(other.keys(name, "SCRAM-SHA-256")) for name in names]
        self.assertEqual([(k.salt, k.iterations) for k in first], [(k.salt, k.iterations) for k in again])
        self.assertEqual({len(keys.salt) for keys in first}, {16})
        self.assertEqual(len({keys.salt for keys in first}), len(names))
        sha_1 = self.now(self.authenticator.keys("nobody@example.test", "SCRAM-SHA-1"))
        self.assertNotEqual(sha_1.salt, first[-1].salt)
        spelled = self.now(self.authenticator.keys("NOBODY@example.TEST", "SCRAM-SHA-256"))
        self.assertEqual(spelled.salt, first[-1].salt)
        self.assertNotEqual(first[-1].stored_key, again[-1].stored_key, "keys of a password nobody knows")

    def test_digests_cost_the_same(self) -> None:
        """CRAM-MD5 takes one round in a thread for everybody."""
        for name in (ALICE, BOB, CAROL, "nobody@example.test"):
            self.wrong(Digest(name, b"<1>", b"0" * 32))
        self.assertEqual([call[0] for call in self.threads.calls], ["_is_digest"] * 4)

    def test_cram_md5(self) -> None:
        """With a password in clear, and with what is kept for it."""
        digest = hmac.digest(b"right", b"<1>", "md5").hex().encode()
        for name in (BOB, CAROL):
            self.assertEqual(self.right(Digest(name, b"<1>", digest)), name)
        for name in (ALICE, "nobody@example.test"):
            self.wrong(Digest(name, b"<1>", digest))

    def test_tokens(self) -> None:
        """A token lets in the account that it names, and nobody else."""
        self.assertEqual(self.right(Token("", "alices")), ALICE)
        self.assertEqual(self.right(Token(ALICE.upper(), "alices")), ALICE)
        for claim in (Token(BOB, "alices"), Token("", "strangers"), Token("", "nobodys"), Token("", "")):
            self.wrong(claim)
        self.tokens.error = MailframeError(UNAVAILABLE)
        self.wrong(Token("", "alices"), UNAVAILABLE)
        self.directory.set_enabled(ALICE, False)
        self.tokens.error = None
        self.wrong(Token("", "alices"))

    def test_certificates(self) -> None:
        """A certificate lets in the account of its name."""
        self.assertEqual(self.right(Certificate(ALICE)), ALICE)
        self.assertEqual(self.right(Certificate(ALICE, ALICE)), ALICE)
        self.wrong(Certificate("nobody@example.test"))
        self.directory.set_enabled(ALICE, False)
        self.wrong(Certificate(ALICE))

    def test_not_configured(self) -> None:
        """What is not configured lets nobody in, whoever asks."""
        self.make(external=False)
        self.wrong(Certificate(ALICE))
        self.tokens = cast(Any, None)
        self.make()
        self.wrong(Token("", "alices"))
        self.wrong(Password(ALICE, b"right"))

    def test_delays(self) -> None:
        """Wrong proofs delay the next attempt on the account, by whatever mechanism."""
        self.make(account_attempts=2)
        for _ in range(2):
            self.wrong(Proof(ALICE, False))
        for claim in (Proof(ALICE, True), Digest(ALICE, b"<1>", b"0" * 32)):
            waiting = self.judged(claim, "198.51.100.7")
            self.assertNoResult(waiting)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        waiting = self.judged(Proof(ALICE, True))
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(waiting).account.name, ALICE)

    def test_delays_of_tokens(self) -> None:
        """Wrong tokens delay the network, not the account whose name somebody puts beside them."""
        self.make(network_attempts=2, account_attempts=2)
        for _ in range(2):
            self.wrong(Token(ALICE, "nobodys"))
        waiting = self.judged(Token(ALICE, "alices"))
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.successResultOf(waiting)
        self.assertEqual(self.successResultOf(self.judged(Proof(ALICE, True), "198.51.100.7")).authcid, ALICE)

    def asked(self, name: str, peer: str = "192.0.2.1") -> Deferred[Keys]:
        return Deferred.fromCoroutine(self.authenticator.keys(name, "SCRAM-SHA-256", peer))

    def test_questions_without_proof(self) -> None:
        """Each salt costs us a derivation: who asks for many and proves nothing must wait, whomever he asks for."""
        self.make(network_attempts=2)
        for name in (ALICE, "nobody@example.test"):
            self.successResultOf(self.asked(name))
        self.threads.calls.clear()
        for name in (ALICE, BOB, "nobody@example.test"):
            waiting = self.asked(name)
            self.assertNoResult(waiting)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.threads.calls, [])
        self.successResultOf(self.asked(ALICE, "198.51.100.7"))
        waiting = self.asked(ALICE)
        self.clock.advance(1)
        self.successResultOf(waiting)
        waiting = self.asked(ALICE)
        self.clock.advance(1)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.successResultOf(waiting)

    def test_questions_with_proof(self) -> None:
        """Who proves what he asked for is not held up; a wrong proof counts once, and not the question besides."""
        self.make(network_attempts=2, account_attempts=9)
        for _ in range(5):
            self.successResultOf(self.asked(ALICE))
            self.successResultOf(self.judged(Proof(ALICE, True)))
        for _ in range(2):
            self.successResultOf(self.asked(BOB))
            self.wrong(Proof(BOB, False))
        self.assertNoResult(self.asked(BOB))

    def test_of_a_known_client(self) -> None:
        """What others in the network left open does not hold up who logs in from there."""
        self.make(network_attempts=2)
        self.successResultOf(self.judged(Proof(ALICE, True)))
        for _ in range(4):
            self.asked("nobody@example.test")
        self.successResultOf(self.asked(ALICE))
        self.successResultOf(self.judged(Proof(ALICE, True)))

    def test_hung_up_before_the_judgement(self) -> None:
        """A proof that nobody waits for leaves the question open."""
        self.make(network_attempts=3, account_attempts=1)
        self.wrong(Proof(ALICE, False), CREDENTIALS_INVALID)
        self.successResultOf(self.asked(ALICE))
        waiting = self.judged(Proof(ALICE, False))
        self.assertNoResult(waiting)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.successResultOf(self.asked(BOB))
        self.assertNoResult(self.asked(BOB))

    def test_busy(self) -> None:
        """When all threads are busy, the answer is temporary."""
        self.threads.full = True
        asked = Deferred.fromCoroutine(self.authenticator.keys(ALICE, "SCRAM-SHA-256"))
        self.assertEqual(self.failureResultOf(asked, MailframeError).value.status, BUSY)

    def test_not_running(self) -> None:
        """Before the start and after the stop it is temporary."""
        self.now(self.authenticator.stop())
        self.wrong(Proof(ALICE, True), UNAVAILABLE)
        asked = Deferred.fromCoroutine(self.authenticator.keys(ALICE, "SCRAM-SHA-256"))
        self.assertEqual(self.failureResultOf(asked, MailframeError).value.status, UNAVAILABLE)

    def test_unreadable(self) -> None:
        """What somebody wrote wrongly into the directory is our fault, not the user's."""
        self.directory.set_password(ALICE, "{SCRAM-SHA-256}rubbish")
        self.directory.set_password(BOB, "{CRAM-MD5}rubbish")
        asked = Deferred.fromCoroutine(self.authenticator.keys(ALICE, "SCRAM-SHA-256"))
        self.assertEqual(self.failureResultOf(asked, MailframeError).value.status, UNAVAILABLE)
        self.wrong(Digest(BOB, b"<1>", b"0" * 32), UNAVAILABLE)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    @settings(max_examples=20)
    @given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
    def test_any_password(self, password: str) -> None:
        """Any password that PLAIN takes, SCRAM takes, in whatever way it is kept."""
        for stored in (make_hash(password, "SCRAM-SHA-256"), make_hash(password, "PLAIN")):
            self.directory.set_password(ALICE, stored)
            self.assertTrue(self.scram(ALICE, password).right)

    def test_repr(self) -> None:
        """Keys do not show themselves."""
        found: Keys = self.now(self.authenticator.keys(ALICE, "SCRAM-SHA-256"))
        self.assertNotIn(repr(found.stored_key)[2:-1], repr(found))
