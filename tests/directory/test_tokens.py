"""Tokens that somebody is asked about, over a real connection on this machine."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from mailframe.config.types import Duration, FilePath, Secret
from mailframe.directory.fetching import LIMIT, Fetcher, FetchError, checked_url
from mailframe.directory.interfaces import ITokens
from mailframe.directory.options import OAuthOptions
from mailframe.directory.tokens import SEARCH_AGAIN, IntrospectedTokens, JWTTokens, tokens_of
from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError

from . import issuer
from .issuer import AUDIENCE, ISSUER, NOW, Server, keys_text, rsa_jwk, token

ALICE = "alice@example.test"


class Clocked:
    """The reactor's connections with another time for what is remembered; timeouts stay real."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.seconds = self.clock.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class WebCase(TestCase):
    """With a web server."""

    def setUp(self) -> None:
        self.server = Server()
        site = Site(self.server)
        site.noisy = False  # type: ignore[attr-defined]
        self.port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(self.port.stopListening)
        self.url = f"http://127.0.0.1:{self.port.getHost().port}"
        self.reactor = Clocked()

    def stopped(self, thing: Any) -> Any:
        self.addCleanup(lambda: Deferred.fromCoroutine(thing.stop()))
        return thing

    async def refused(self, tokens: ITokens, text: str, temporary: bool = False) -> str:
        """Why a token is refused."""
        try:
            await tokens.account(text)
        except MailframeError as error:
            self.assertEqual(error.status, UNAVAILABLE if temporary else CREDENTIALS_INVALID)
            self.assertTrue(len(text) < 5 or text not in error.reason)
            return error.reason
        raise AssertionError("it was not refused")


class IntrospectedTests(WebCase):
    """RFC 7662."""

    def make(self, **options: Any) -> Any:
        usual = {
            "introspection": self.url + "/introspect",
            "client_id": "mail:frame",
            "client_secret": Secret("s e"),
            "scope": ("mail",),
            "timeout": Duration(5.0),
        }
        tokens = IntrospectedTokens(OAuthOptions(**{**usual, **options}), self.reactor, lambda: NOW)
        self.assertTrue(verifyObject(ITokens, tokens))
        return self.stopped(tokens)

    def answer(self, **changes: Any) -> None:
        self.server.answers["/introspect"] = json.dumps({"active": True, **issuer.claims(**changes)}).encode()

    async def test_active(self) -> None:
        """The server says whose token it is; we say who we are."""
        self.answer()
        tokens = self.make()
        await tokens.start()
        self.assertEqual(await tokens.account("abc-123"), ALICE)
        ((_, authorization, body),) = self.server.asked
        self.assertEqual(parse_qs(body.decode()), {"token": ["abc-123"], "token_type_hint": ["access_token"]})
        self.assertEqual(b64decode(authorization.removeprefix("Basic ")), b"mail%3Aframe:s%20e")

    async def test_remembered(self) -> None:
        """An answer is good for a minute, a refusal too, and five questions at once are one."""
        self.answer()
        tokens = self.make()
        found = await gatherResults([Deferred.fromCoroutine(tokens.account("a")) for _ in range(5)])
        self.assertEqual((found, len(self.server.asked)), ([ALICE] * 5, 1))
        self.server.answers["/introspect"] = b'{"active": false}'
        await self.refused(tokens, "b")
        await self.refused(tokens, "b")
        self.assertEqual(await tokens.account("a"), ALICE)
        self.assertEqual(len(self.server.asked), 2)
        self.reactor.clock.advance(61)
        await self.refused(tokens, "a")
        self.assertEqual(len(self.server.asked), 3)

    async def test_ends_while_remembered(self) -> None:
        """A remembered token does not outlive itself."""
        self.answer(exp=NOW + 10)
        now = [float(NOW)]
        options = OAuthOptions(introspection=self.url + "/introspect", leeway=Duration(0))
        tokens = self.stopped(IntrospectedTokens(options, self.reactor, lambda: now[0]))
        self.assertEqual(await tokens.account("a"), ALICE)
        now[0] += 10
        await self.refused(tokens, "a")
        self.assertEqual(len(self.server.asked), 1)

    async def test_refused(self) -> None:
        """Not active, of another issuer, for others, without the scope, without a name: refused."""
        for number, changes in enumerate(
            (
                {"active": "true"},
                {"iss": "https://other.example"},
                {"aud": "webshop"},
                {"scope": "openid"},
                {"exp": NOW - 60},
                {"email": None},
            )
        ):
            self.answer(**changes)
            await self.refused(self.make(issuer=ISSUER, audience=(AUDIENCE,)), f"token-{number}")
        self.answer(iss=None)
        self.assertEqual(await self.make(issuer=ISSUER).account("b"), ALICE, "the server may leave it out")
        await self.refused(self.make(), "")

    async def test_cannot_be_asked(self) -> None:
        """No answer, another status, no JSON, too much of it: temporary, and not remembered."""
        tokens = self.make(timeout=Duration(0.2))
        for answer in (500, 401, None, b"<html>", b"[]", b"x" * (LIMIT + 1)):
            self.server.answers["/introspect"] = answer
            await self.refused(tokens, "a-token", temporary=True)
        self.answer()
        self.assertEqual(await tokens.account("a-token"), ALICE)
        await self.port.stopListening()
        await self.refused(self.make(timeout=Duration(0.5)), "a-token", temporary=True)

    async def test_redirected(self) -> None:
        """A server that points elsewhere is not followed: the token is for nobody else."""
        self.server.answers.update(
            {"/introspect": self.url + "/elsewhere", "/elsewhere": b'{"active": true}'}
        )
        await self.refused(self.make(), "a-token", temporary=True)
        self.assertEqual([path for path, _, _ in self.server.asked], ["/introspect"])

    async def test_silent_for_many(self) -> None:
        """When the server is silent, a hundred who ask the same wait once for it, not one after the other."""
        self.server.answers["/introspect"] = None
        tokens = self.make(timeout=Duration(0.3))
        began = time.monotonic()
        await gatherResults(
            [Deferred.fromCoroutine(self.refused(tokens, "a-token", temporary=True)) for _ in range(100)]
        )
        self.assertLess(time.monotonic() - began, 2)
        self.assertEqual(len(self.server.asked), 1)

    async def test_kept(self) -> None:
        """Of an answer nothing is kept but what is looked at."""
        self.answer(groups=["x" * 1000] * 100)
        tokens = self.make()
        await tokens.account("a-token")
        self.assertNotIn("groups", repr(vars(tokens._answers)))
        self.assertIn(ALICE, repr(tokens._answers._tables))

    async def test_stopped(self) -> None:
        """Who waits when the service stops is told to come again."""
        self.server.answers["/introspect"] = None
        tokens = self.make(timeout=Duration(60.0))
        waiting = Deferred.fromCoroutine(self.refused(tokens, "a-token", temporary=True))
        while not self.server.asked:
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]
        began = time.monotonic()
        await tokens.stop()
        await waiting
        self.assertLess(time.monotonic() - began, 20)

    def test_hints(self) -> None:
        """What a refused client is told."""
        hints = self.make(configuration="https://id.example.test/c").hints
        self.assertEqual(
            json.loads(b"{" + hints[1:] + b"}"),
            {"scope": "mail", "openid-configuration": "https://id.example.test/c"},
        )


class JWTTests(WebCase):
    """RFC 9068."""

    def make(self, **options: Any) -> Any:
        usual: dict[str, Any] = {"issuer": ISSUER, "audience": (AUDIENCE,), "timeout": Duration(5.0)}
        if "jwks_file" not in options:
            usual["jwks"] = self.url + "/keys"
        tokens = JWTTokens(OAuthOptions(**{**usual, **options}), self.reactor, lambda: NOW)
        self.assertTrue(verifyObject(ITokens, tokens))
        return self.stopped(tokens)

    async def test_url(self) -> None:
        """Keys are fetched with the first token, and again when they are old."""
        self.server.answers["/keys"] = keys_text()
        tokens = self.make()
        await tokens.start()
        self.assertEqual(self.server.asked, [])
        texts = [token(algorithm) for algorithm in issuer.SIGNERS]
        found = await gatherResults([Deferred.fromCoroutine(tokens.account(text)) for text in texts])
        self.assertEqual((found, len(self.server.asked)), ([ALICE] * 3, 1))
        self.reactor.clock.advance(61)
        await tokens.account(token())
        self.assertEqual(len(self.server.asked), 2)

    async def test_new_key(self) -> None:
        """A token by a new key makes us look again, once a minute at most: anybody can name a key."""
        self.server.answers["/keys"] = keys_text(issuer.jwks()[1])
        tokens = self.make(remember=Duration(3600.0))
        await self.refused(tokens, token())
        self.server.answers["/keys"] = keys_text()
        await self.refused(tokens, token())
        self.assertEqual(len(self.server.asked), 1)
        self.reactor.clock.advance(SEARCH_AGAIN + 1)
        self.assertEqual(await tokens.account(token()), ALICE)
        self.assertEqual(len(self.server.asked), 2)

    async def test_old_keys_stay_good(self) -> None:
        """While keys cannot be had, those of before are good; without any, it is temporary."""
        tokens = self.make()
        with capturedLogs() as events:
            await self.refused(tokens, token(), temporary=True)
            self.server.answers["/keys"] = keys_text()
            self.assertEqual(await tokens.account(token()), ALICE)
            self.server.answers["/keys"] = b"no keys"
            self.reactor.clock.advance(61)
            self.assertEqual(await tokens.account(token()), ALICE)
        self.assertEqual(
            [event["log_level"].name for event in events if "keys of OAuth" in event["log_format"]],
            ["warn"] * 2,
        )
        await self.refused(tokens, "")

    async def test_asker_hangs_up(self) -> None:
        """Whoever makes us look for new keys and hangs up does not keep us from having them."""
        self.server.answers["/keys"] = keys_text(issuer.jwks()[1])
        tokens = self.make()
        await tokens.account(token("ES256"))
        self.server.answers["/keys"] = keys_text(rsa_jwk(issuer.RSA))
        self.reactor.clock.advance(61)
        asked = Deferred.fromCoroutine(tokens.account("any"))
        asked.addErrback(lambda failure: None)
        asked.cancel()
        self.assertEqual(await tokens.account(token()), ALICE)
        await self.refused(tokens, token("ES256"))

    async def test_file(self) -> None:
        """A file is read at the start, so that a wrong one is noticed then, and again when it is old."""
        path = self.mktemp()
        tokens = self.make(jwks_file=FilePath(path))
        await self.assertFailure(Deferred.fromCoroutine(tokens.start()), OSError)
        for text in (b"no keys", b'{"keys": 5}', keys_text(rsa_jwk(issuer.RSA, d="AQ")), b" " * (LIMIT + 1)):
            with open(path, "wb") as file:
                file.write(text)
            error = await self.assertFailure(Deferred.fromCoroutine(tokens.start()), ValueError)
            self.assertIn(path, str(error))
        with open(path, "wb") as file:
            file.write(keys_text())
        await tokens.start()
        self.assertEqual(await tokens.account(token()), ALICE)
        await self.refused(tokens, token(email=None))


class FetcherTests(WebCase):
    """Bounds."""

    async def test_many_at_once(self) -> None:
        """So many questions may be under way, and not one more."""
        self.server.answers["/"] = None
        fetcher = self.stopped(Fetcher(reactor, 0.3))
        waiting = [Deferred.fromCoroutine(fetcher.fetch(self.url + "/")) for _ in range(64)]
        began = time.monotonic()
        await self.assertFailure(Deferred.fromCoroutine(fetcher.fetch(self.url + "/")), FetchError)
        self.assertLess(time.monotonic() - began, 0.2)
        for one in waiting:
            await self.assertFailure(one, FetchError)


class OptionsTests(SynchronousTestCase):
    """What fits together."""

    def test_one_way(self) -> None:
        """Either somebody is asked, or there are keys; with keys, for whom tokens are is said."""
        url = "https://id.example.test/x"
        for options in (
            {},
            {"introspection": url, "jwks": url},
            {"jwks": url},
            {"jwks": url, "issuer": ISSUER},
            {"introspection": "http://id.example.test/x"},
            {"jwks": "file:///x", "issuer": ISSUER, "audience": ("x",)},
        ):
            self.assertRaises(ValueError, tokens_of, OAuthOptions(**options), reactor)
        self.assertIsInstance(tokens_of(OAuthOptions(introspection=url), reactor), IntrospectedTokens)
        options = OAuthOptions(jwks_file=FilePath("x"), issuer=ISSUER, audience=("x",))
        self.assertIsInstance(tokens_of(options, reactor), JWTTokens)
        self.assertRaises(ValueError, OAuthOptions, algorithms=("none",))

    def test_urls(self) -> None:
        """Secrets go over HTTPS, or stay on this machine."""
        for url in (
            "https://id.example.test/x",
            "http://127.0.0.1:8080/",
            "http://[::1]/",
            "http://localhost/",
        ):
            self.assertEqual(checked_url(url), url)
        for url in ("", "x", "http://192.0.2.1/", "ftp://127.0.0.1/", "https:///x", "https://é.test/"):
            self.assertRaises(ValueError, checked_url, url)
