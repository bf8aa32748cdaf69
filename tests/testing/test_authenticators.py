"""Every authenticator we have passes the contract, the fakes too."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import parse_qs

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.config.types import FilePath, Secret
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.cred import CheckerAuthenticator
from mailframe.directory.hashing import HashingThreads
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import OAuthOptions, PasswordOptions
from mailframe.directory.passwords import make_hash
from mailframe.directory.scram_keys import new_keys
from mailframe.directory.tokens import IntrospectedTokens, JWTTokens
from mailframe.sasl.scram import HASHES
from mailframe.testing.authenticators import (
    ALICE,
    PASSWORDS,
    AuthenticatorContract,
    SASLAuthenticatorContract,
    TokensContract,
)
from mailframe.testing.directory import FakeAuthenticator
from mailframe.testing.sasl import FakeSASLAuthenticator
from tests.directory import issuer
from tests.directory.test_authenticator import Threads

NO_DELAYS = {"account_attempts": 1000, "network_attempts": 1000}
EVERYTHING = {
    "scram": True,
    "scram_sha_1": True,
    "cram_md5": True,
    "external": True,
    "scram_iterations": 4096,
}


def password_authenticator(directory: MemoryDirectory, **options: Any) -> PasswordAuthenticator:
    """Over a directory, with a clock and without threads."""
    return PasswordAuthenticator(
        directory,
        Clock(),
        PasswordOptions(**{**NO_DELAYS, "salt_secret": Secret("pepper"), **options}),
        cast(HashingThreads, Threads()),
    )


class PlainTests(AuthenticatorContract, TestCase):
    """The one over a directory, without more than passwords."""

    async def make_authenticator(self) -> PasswordAuthenticator:
        authenticator = password_authenticator(MemoryDirectory(["example.test"], PASSWORDS))
        await authenticator.start()
        return authenticator


class KeysTests(SASLAuthenticatorContract, TestCase):
    """With all it can do: passwords kept as hashes with keys."""

    def directory(self) -> MemoryDirectory:
        directory = MemoryDirectory(["example.test"])
        for name, password in PASSWORDS.items():
            keys = new_keys(password, HASHES, 4096)
            directory.add_account(name, make_hash(password, "SSHA256"), keys=keys)
        return directory

    async def make_authenticator(self) -> PasswordAuthenticator:
        authenticator = password_authenticator(self.directory(), **EVERYTHING)
        await authenticator.start()
        return authenticator


class InClearTests(KeysTests):
    """With passwords kept in clear."""

    def directory(self) -> MemoryDirectory:
        accounts = {name: f"{{PLAIN}}{password}" for name, password in PASSWORDS.items()}
        return MemoryDirectory(["example.test"], accounts)


class CheckerTests(AuthenticatorContract, TestCase):
    """The bridge to ``twisted.cred``."""

    async def make_authenticator(self) -> CheckerAuthenticator:
        users = {name: password.encode() for name, password in PASSWORDS.items()}
        return CheckerAuthenticator(InMemoryUsernamePasswordDatabaseDontUse(**users))


class FakeTests(AuthenticatorContract, TestCase):
    """The fake for passwords."""

    async def make_authenticator(self) -> FakeAuthenticator:
        return FakeAuthenticator(PASSWORDS)


class FakeSASLTests(SASLAuthenticatorContract, TestCase):
    """The fake for everything."""

    async def make_authenticator(self) -> FakeSASLAuthenticator:
        return FakeSASLAuthenticator(PASSWORDS, {"alices": ALICE})


class JWTTests(TokensContract, TestCase):
    """Tokens with signatures."""

    async def make_tokens(self) -> JWTTokens:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(issuer.keys_text())
        options = OAuthOptions(jwks_file=FilePath(path), issuer=issuer.ISSUER, audience=(issuer.AUDIENCE,))
        tokens = JWTTokens(options, reactor, lambda: issuer.NOW)
        self.addCleanup(lambda: Deferred.fromCoroutine(tokens.stop()))
        await tokens.start()
        return tokens

    async def make_token(self) -> str:
        return issuer.token("ES256")


class IntrospectedTests(TokensContract, TestCase):
    """Tokens that a server is asked about; the server is a function."""

    async def make_tokens(self) -> IntrospectedTokens:
        options = OAuthOptions(introspection="https://id.example.test/introspect")
        tokens = IntrospectedTokens(options, reactor, lambda: issuer.NOW)

        async def fetch(url: str, body: bytes, headers: dict[str, str]) -> bytes:
            (asked,) = parse_qs(body.decode())["token"]
            return json.dumps({"active": asked == "token-of-alice", "email": ALICE}).encode()

        self.patch(tokens._fetcher, "fetch", fetch)
        self.addCleanup(lambda: Deferred.fromCoroutine(tokens.stop()))
        await tokens.start()
        return tokens

    async def make_token(self) -> str:
        return "token-of-alice"
