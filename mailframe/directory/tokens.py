"""OAuth 2.0 access tokens: whose account does one let in? By introspection (RFC 7662) or as a JWT (RFC 9068)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError

from .answers import MISSING, Answers
from .fetching import Fetcher, FetchError, checked_url
from .interfaces import ITokens
from .jwt import CHECKED, BadToken, Key, UnknownKey, account_named, check_claims, read_keys, verified_claims
from .options import OAuthOptions
from .questions import Questions

SEARCH_AGAIN: Final = 60.0
"""Seconds between two looks for a key that a token names and nobody knows; the token may have made it up."""
KEYS_LIMIT: Final = 256 * 1024
"""Octets of a file of keys."""

log = Logger()


def tokens_of(options: OAuthOptions, reactor: Any, now: Callable[[], float] = time.time) -> ITokens:
    """What the options ask for.

    Args:
        options: as configured.
        reactor: for connections and time.
        now: seconds since 1970.

    Raises:
        ValueError: they do not fit together.
    """
    ways = [way for way in (options.introspection, options.jwks, options.jwks_file) if way]
    if len(ways) != 1:
        raise ValueError("oauth needs one of introspection, jwks and jwks_file")
    if not options.introspection and not (options.issuer and options.audience):
        raise ValueError("oauth with keys needs issuer and audience: tokens for others would do otherwise")
    return (
        IntrospectedTokens(options, reactor, now)
        if options.introspection
        else JWTTokens(options, reactor, now)
    )


class _Tokens:
    """What both ways have in common."""

    def __init__(self, options: OAuthOptions, reactor: Any, now: Callable[[], float]) -> None:
        self._options = options
        self._reactor = reactor
        self._now = now
        self._fetcher = Fetcher(reactor, options.timeout)
        members = {"scope": " ".join(options.scope), "openid-configuration": options.configuration}
        told = [f",{json.dumps(name)}:{json.dumps(value)}" for name, value in members.items() if value]
        self.hints = "".join(told).encode("ascii")

    async def stop(self) -> None:
        """Close connections."""
        await self._fetcher.stop()


@implementer(ITokens)
class IntrospectedTokens(_Tokens):
    """Asks the server that gave a token what it is worth (RFC 7662); the answer is good for a while.

    Args:
        options: ``introspection`` and what goes with it.
        reactor: for connections and time.
        now: seconds since 1970.
    """

    def __init__(self, options: OAuthOptions, reactor: Any, now: Callable[[], float] = time.time) -> None:
        super().__init__(options, reactor, now)
        self._url = checked_url(options.introspection)
        self._answers = Answers(options.remember_entries, options.remember)
        self._questions: Questions[Mapping[str, Any]] = Questions()
        self._headers: dict[str, str] = {}
        if options.client_id:
            pair = f"{quote(options.client_id, safe='')}:{quote(options.client_secret or '', safe='')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"

    async def start(self) -> None:
        """Nothing to do before the first question."""

    async def account(self, token: str) -> str:
        """Ask, or remember; a client that opens five connections at once asks once."""
        if not token:
            raise MailframeError(CREDENTIALS_INVALID, "no token")
        key = hashlib.sha256(token.encode("ascii", "replace")).digest()
        claims = self._answers.get(key, self._reactor.seconds())
        if claims is MISSING:
            claims = await self._questions.ask(key, lambda: self._ask(token, key))
        return self._account(claims)

    def _account(self, claims: Mapping[str, Any]) -> str:
        try:
            if claims.get("active") is not True:
                raise BadToken("not active")
            check_claims(claims, self._options, self._now())
            return account_named(claims, self._options)
        except BadToken as error:
            raise MailframeError(CREDENTIALS_INVALID, f"a token {error}") from error

    async def _ask(self, token: str, key: bytes) -> Mapping[str, Any]:
        form = urlencode({"token": token, "token_type_hint": "access_token"}).encode("ascii")
        try:
            found = json.loads(await self._fetcher.fetch(self._url, form, self._headers))
        except (FetchError, ValueError, RecursionError) as error:
            raise MailframeError(UNAVAILABLE, f"a token cannot be introspected: {error}") from error
        if not isinstance(found, dict):
            raise MailframeError(UNAVAILABLE, "a token cannot be introspected: the answer is no object")
        # Nothing is kept but what is looked at: some servers tell all they know of a person. Of a token that lets
        # nobody in, nothing at all; an empty answer is a negative one.
        wanted = ("active", *CHECKED, self._options.claim) if found.get("active") is True else ()
        claims = {name: found[name] for name in wanted if name in found}
        self._answers.put(key, claims, self._reactor.seconds())
        return claims


@implementer(ITokens)
class JWTTokens(_Tokens):
    """Checks tokens by themselves, with the issuer's keys (RFC 9068).

    The keys are read again after `OAuthOptions.remember`, and when a token names one that is not there. While they
    cannot be had, those of before are good.

    Args:
        options: ``jwks`` or ``jwks_file``, and what goes with them.
        reactor: for connections and time.
        now: seconds since 1970.
    """

    def __init__(self, options: OAuthOptions, reactor: Any, now: Callable[[], float] = time.time) -> None:
        super().__init__(options, reactor, now)
        self._url = checked_url(options.jwks) if options.jwks else ""
        self._path = options.jwks_file or ""
        self._keys: Sequence[Key] = ()
        self._read_at = float("-inf")
        self._questions: Questions[None] = Questions()

    async def start(self) -> None:
        """Read a file of keys, so that a wrong one is noticed; those of a URL are fetched with the first token."""
        if not self._url:
            text = self._read_file()
            try:
                self._keys = read_keys(text)
            except ValueError as error:
                raise ValueError(f"{self._path} has no set of keys (RFC 7517)") from error
            if not self._keys:
                raise ValueError(
                    f"{self._path} has no key that can be used: public RSA, P-256 and Ed25519 can"
                )
            self._read_at = self._reactor.seconds()

    async def account(self, token: str) -> str:
        """Check the token."""
        if not token:
            raise MailframeError(CREDENTIALS_INVALID, "no token")
        await self._refresh(self._options.remember)
        try:
            try:
                claims = verified_claims(token, self._keys, self._options, self._now())
            except UnknownKey:
                await self._refresh(SEARCH_AGAIN)
                claims = verified_claims(token, self._keys, self._options, self._now())
            return account_named(claims, self._options)
        except BadToken as error:
            raise MailframeError(CREDENTIALS_INVALID, f"a token {error}") from error

    async def _refresh(self, age: float) -> None:
        """Have keys that were read within ``age`` seconds; one question at a time."""
        if self._reactor.seconds() - self._read_at > age:
            await self._questions.ask("keys", self._read)

    async def _read(self) -> None:
        try:
            octets = await self._fetcher.fetch(self._url) if self._url else self._read_file()
            self._keys = read_keys(octets)
        except (FetchError, OSError, ValueError) as error:
            log.warn("the keys of OAuth tokens cannot be read: {reason}", reason=str(error))
            if not self._keys:
                raise MailframeError(UNAVAILABLE, f"no keys for tokens: {error}") from error
        self._read_at = self._reactor.seconds()

    def _read_file(self) -> bytes:
        """A small local file, read at most once a minute: not worth a thread."""
        if os.path.getsize(self._path) > KEYS_LIMIT:
            raise ValueError(f"{self._path} has more than {KEYS_LIMIT} octets")
        with open(self._path, "rb") as file:
            return file.read()
