"""For tests of authenticators and of what knows tokens: contract suites. Fakes are in `.directory` and `.sasl`."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, Final

from zope.interface.verify import verifyObject

from mailframe.directory.interfaces import IAuthenticator, ISASLAuthenticator, ITokens
from mailframe.directory.values import Credentials, Evidence
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError
from mailframe.sasl.client_mechanisms import ClientCredentials
from mailframe.sasl.client_scram import ClientScram
from mailframe.sasl.scram import HASHES, PLUS, USUAL_MAXIMUM
from mailframe.sasl.server import ORDER
from mailframe.sasl.server_scram import Scram
from mailframe.sasl.values import Certificate, Challenge, Claim, Digest, KeysWanted, Proof, Token

ALICE: Final = "alice@example.test"
BOB: Final = "bob@example.test"
NOBODY: Final = "nobody@example.test"
PASSWORDS: Final = {ALICE: "wonderland", BOB: "builder"}
PEER: Final = "192.0.2.1"


class AuthenticatorContract:
    """What every authenticator must pass; mix with ``twisted.trial.unittest.TestCase``.

    A backend's test overrides `make_authenticator`. Delays after failed logins must be long in coming there, or off:
    each test fails several times.
    """

    async def make_authenticator(self) -> Any:
        """One that has been started and knows `PASSWORDS`, of enabled accounts; ending it is the test's business."""
        raise NotImplementedError

    async def test_interface(self: Any) -> None:
        """It provides what it promises."""
        self.assertTrue(verifyObject(IAuthenticator, await self.make_authenticator()))

    async def test_right_password(self: Any) -> None:
        """The right password lets its account in, and one may say whom one wants to be: oneself."""
        authenticator = await self.make_authenticator()
        for name, password in PASSWORDS.items():
            for authzid in ("", name):
                identity = await authenticator.authenticate(
                    Credentials(name, password.encode(), authzid, PEER, "imap", "S1")
                )
                self.assertEqual(name, identity.account.name)
                self.assertTrue(identity.account.enabled)

    async def test_wrong_password(self: Any) -> None:
        """Wrong, somebody else's, none, an endless one, any octets: each refused for good, with the same words."""
        authenticator = await self.make_authenticator()
        for password in (b"wrong", b"builder", b"wonderland\0", b"", b"x" * 100_000, b"\xff\0"):
            await self.refused(authenticator.authenticate(Credentials(ALICE, password, "", PEER)))

    async def test_unknown_names(self: Any) -> None:
        """Whatever stands for a name is refused as a wrong password is."""
        authenticator = await self.make_authenticator()
        for name in (
            NOBODY,
            "",
            "@",
            "alice\0@example.test",
            "x" * 100_000,
            "é@bücher.test",
            f" {ALICE}\r\n",
        ):
            await self.refused(authenticator.authenticate(Credentials(name, b"wonderland", "", PEER)))

    async def test_for_another(self: Any) -> None:
        """The right password lets nobody into somebody else's account."""
        authenticator = await self.make_authenticator()
        for authzid in (BOB, NOBODY, "root"):
            await self.refused(
                authenticator.authenticate(Credentials(ALICE, b"wonderland", authzid, PEER)), authzid
            )

    async def refused(self: Any, asked: Awaitable[Any], about: object = None) -> None:
        """It must be refused with the one status for all that is wrong."""
        try:
            found = await asked
        except MailframeError as error:
            self.assertEqual(CREDENTIALS_INVALID, error.status, about)
            self.assertNotIn("wonderland", f"{error!r} {error.reason}")
        else:
            self.fail(f"let in as {found}: {about}")


class SASLAuthenticatorContract(AuthenticatorContract):
    """What every authenticator must pass that knows more than passwords (`ISASLAuthenticator`)."""

    async def test_sasl_interface(self: Any) -> None:
        """It provides what it promises; its hints go into a JSON object behind other members."""
        authenticator = await self.make_authenticator()
        self.assertTrue(verifyObject(ISASLAuthenticator, authenticator))
        self.assertIsInstance(json.loads(b'{"status":""%b}' % authenticator.oauth_hints), dict)

    async def test_mechanisms(self: Any) -> None:
        """What it can do are mechanisms that we have, without those that need a channel to bind to."""
        names = (await self.make_authenticator()).mechanisms()
        self.assertEqual(set(), set(names) - {name for name in ORDER if not name.endswith(PLUS)})

    async def test_scram(self: Any) -> None:
        """Where SCRAM is offered, the right password proves itself, and nothing else does."""
        authenticator = await self.make_authenticator()
        for base in HASHES.keys() & set(authenticator.mechanisms()):
            for name, password in PASSWORDS.items():
                proof = await self.proof(authenticator, base, name, password)
                identity = await authenticator.judge(Evidence(proof, PEER, "imap", "S1"))
                self.assertEqual(name, identity.account.name)
            for name, password, authzid in (
                (ALICE, "builder", ""),
                (ALICE, "", ""),
                (NOBODY, "wonderland", ""),
                (ALICE, "wonderland", BOB),
            ):
                await self.judged_wrong(
                    authenticator, await self.proof(authenticator, base, name, password, authzid)
                )

    async def test_nobodys_keys(self: Any) -> None:
        """Keys of who is not there look like others and are the same each time; no client is asked for too much."""
        authenticator = await self.make_authenticator()
        for base in HASHES.keys() & set(authenticator.mechanisms()):
            first = {name: await authenticator.keys(name, base, PEER) for name in (ALICE, NOBODY, "carol")}
            again = {name: await authenticator.keys(name, base, PEER) for name in first}
            shown = {name: (keys.salt, keys.iterations) for name, keys in first.items()}
            self.assertEqual(shown, {name: (keys.salt, keys.iterations) for name, keys in again.items()})
            self.assertEqual(3, len({keys.salt for keys in first.values()}), "each has a salt of its own")
            self.assertEqual(1, len({len(keys.salt) for keys in first.values()}))
            self.assertEqual(1, len({keys.iterations for keys in first.values()}))
            self.assertTrue(0 < first[NOBODY].iterations <= USUAL_MAXIMUM)
            self.assertEqual(1, len({len(keys.stored_key) for keys in first.values()}))
            for name in ("", "\0", "x" * 100_000, "é"):
                await authenticator.keys(name, base, PEER)

    async def test_nothing_proved(self: Any) -> None:
        """Claims with nothing behind them let nobody in, whether their mechanism is offered or not."""
        authenticator = await self.make_authenticator()
        claims: list[Claim] = [
            Proof(ALICE, False),
            Proof(NOBODY, True),
            Proof(ALICE, True, BOB),
            Digest(ALICE, b"<1>", b"0" * 32),
            Digest(ALICE, b"<1>", b""),
            Digest(NOBODY, b"<1>", b"0" * 32),
            Token(ALICE, ""),
            Token("", "nobodys"),
            Certificate(NOBODY),
            Certificate("", ALICE),
        ]
        for claim in claims:
            await self.judged_wrong(authenticator, claim)

    async def proof(
        self: Any, authenticator: Any, base: str, name: str, password: str, authzid: str = ""
    ) -> Proof:
        """What a server knows when a client has answered with this password."""
        client = ClientScram(base, ClientCredentials(name, password, authzid=authzid))
        server = Scram(base, None, False)
        wanted = server.step(client.start())
        assert isinstance(wanted, KeysWanted)
        challenge = server.keys(await authenticator.keys(wanted.authcid, wanted.mechanism, PEER))
        assert isinstance(challenge, Challenge)
        claim = server.step(client.step(challenge.octets))
        assert isinstance(claim, Proof)
        return claim

    async def judged_wrong(self: Any, authenticator: Any, claim: Claim) -> None:
        """It must be refused with the one status for all that is wrong."""
        await self.refused(authenticator.judge(Evidence(claim, PEER, "imap", "S1")), claim)


class TokensContract:
    """What everything that knows OAuth tokens must pass (`ITokens`)."""

    async def make_tokens(self) -> Any:
        """Something that has been started; ending it is the test's business."""
        raise NotImplementedError

    async def make_token(self) -> str:
        """A token that lets `ALICE` in."""
        raise NotImplementedError

    async def test_tokens_interface(self: Any) -> None:
        """It provides what it promises; its hints go into a JSON object behind other members."""
        tokens = await self.make_tokens()
        self.assertTrue(verifyObject(ITokens, tokens))
        self.assertIsInstance(json.loads(b'{"status":""%b}' % tokens.hints), dict)

    async def test_good_token(self: Any) -> None:
        """It says whose account a token lets in, as often as it is asked."""
        tokens, text = await self.make_tokens(), await self.make_token()
        for _ in range(3):
            self.assertEqual(ALICE, await tokens.account(text))

    async def test_bad_tokens(self: Any) -> None:
        """What is no token of ours is refused for good, and is not in what goes into the log."""
        tokens, text = await self.make_tokens(), await self.make_token()
        for bad in ("", "nobodys", text[:-8], f"x{text}", "a.b.c", "." * 5000, "=" * 9000):
            try:
                found = await tokens.account(bad)
            except MailframeError as error:
                self.assertEqual(CREDENTIALS_INVALID, error.status, bad[:50])
                self.assertTrue(len(bad) < 8 or bad not in f"{error!r} {error.reason}")
            else:
                self.fail(f"{bad[:50]} lets in {found}")

    async def test_tokens_stop_twice(self: Any) -> None:
        """Stopping what is stopped does nothing, and it may be started again."""
        tokens, text = await self.make_tokens(), await self.make_token()
        await tokens.stop()
        await tokens.stop()
        await tokens.start()
        self.assertEqual(ALICE, await tokens.account(text))
