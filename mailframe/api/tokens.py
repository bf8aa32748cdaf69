"""Bearer tokens (RFC 6750) of the API: kept in a file by their digests only, made and taken back by a command.

A token is 256 random bits, so a plain digest tells nothing of it, and finding it by the digest says nothing in its
time either.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from mailframe.directory.names import checked_domain
from mailframe.message.status import MailframeError, Status

AREAS = ("domains", "accounts", "aliases", "grants", "app-passwords", "changes")
"""What a token may be for."""
SCOPES = ("read", "write", *(f"{area}:{right}" for area in AREAS for right in ("read", "write")))
"""``read`` and ``write`` are for all areas; whoever may write an area may read it."""
NAME_LIMIT = 64
TOKENS_LIMIT = 1000
"""Tokens a file may have."""
FILE_LIMIT = 1 << 20
"""Octets of it that are read."""
PREFIX = "mft_"
"""Tokens begin so, for those who look for secrets that got lost in repositories and logs."""

BROKEN = Status((4, 3, 5), "The tokens of the API cannot be read", "UNAVAILABLE")
WRONG = Status((5, 3, 0), "There can be no such token", "CANNOT")
TAKEN = Status((5, 1, 0), "There is a token of this name already", "ALREADYEXISTS")
UNKNOWN = Status((5, 1, 1), "There is no such token", "NONEXISTENT")


@dataclass(frozen=True, slots=True)
class APIToken:
    """What is kept of a token.

    Attributes:
        name: what people call it; the history of the directory names it as ``api:NAME``.
        digest: SHA-256 of it in hexadecimal.
        scopes: what it is good for, of `SCOPES`.
        created: seconds since 1970.
        expires: seconds since 1970 from which on it is good for nothing; 0 for never.
        domains: what it is good for, too; all, where it is empty.
    """

    name: str
    digest: str
    scopes: tuple[str, ...]
    created: int = 0
    expires: int = 0
    domains: tuple[str, ...] = ()

    def allows(self, area: str, *, write: bool) -> bool:
        """May it read, or change, what is in this area?"""
        fitting = {"write", f"{area}:write"} | (set() if write else {"read", f"{area}:read"})
        return not fitting.isdisjoint(self.scopes)

    def covers(self, domain: str) -> bool:
        """Is it for what is in this domain, which is in A-labels?"""
        return not self.domains or domain in self.domains

    def is_over(self, now: float) -> bool:
        """Has it expired?"""
        return 0 < self.expires <= now


class TokenFile:
    """The file, for commands; every method blocks.

    Args:
        path: made with the first token, readable by its owner alone.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def tokens(self) -> Sequence[APIToken]:
        """All tokens, by name.

        Raises:
            MailframeError: temporary, when the file cannot be read or is none of ours.
        """
        try:
            with open(self.path, "rb") as file:
                content = file.read(FILE_LIMIT)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise MailframeError(BROKEN, f"{self.path}: {error.strerror}") from error
        try:
            return tuple(_token(one) for one in json.loads(content)["tokens"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise MailframeError(BROKEN, f"{self.path} is no file of tokens") from error

    def add(self, name: str, scopes: Sequence[str], expires: int = 0, domains: Sequence[str] = ()) -> str:
        """Make a token.

        Args:
            name: letters, digits, dots, hyphens and underscores.
            scopes: of `SCOPES`, one at least.
            expires: seconds since 1970; 0 for never.
            domains: that it is for; all, where there are none.

        Returns:
            The token, which is not kept.

        Raises:
            MailframeError: there is one of that name, or it cannot be so.
        """
        plain = name.replace("-", "").replace(".", "").replace("_", "")
        if not (plain.isascii() and plain.isalnum() and len(name) <= NAME_LIMIT):
            text = f"a token's name has letters, digits, dots, hyphens and underscores, {NAME_LIMIT} at most"
            raise MailframeError(WRONG.with_text(text))
        if not scopes or not set(SCOPES).issuperset(scopes):
            raise MailframeError(WRONG.with_text(f"a token's scopes are some of {', '.join(SCOPES)}"))
        made = PREFIX + secrets.token_urlsafe(32)
        places = tuple(sorted(set(map(checked_domain, domains))))
        kept = APIToken(name, digest_of(made), tuple(sorted(set(scopes))), int(time.time()), expires, places)
        with self._locked():
            known = self.tokens()
            if any(one.name == name for one in known):
                raise MailframeError(TAKEN.with_text(f"there is a token {name} already"))
            if len(known) >= TOKENS_LIMIT:
                raise MailframeError(WRONG.with_text(f"there are {TOKENS_LIMIT} tokens already"))
            self._write([*known, kept])
        return made

    def remove(self, name: str) -> None:
        """Take a token back.

        Raises:
            MailframeError: there is none of that name.
        """
        with self._locked():
            known = self.tokens()
            left = [one for one in known if one.name != name]
            if len(left) == len(known):
                raise MailframeError(UNKNOWN.with_text(f"there is no token {name}"))
            self._write(left)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One command at a time; the lock is on the directory, because the file is replaced."""
        descriptor = os.open(os.path.dirname(self.path) or ".", os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write(self, tokens: Sequence[APIToken]) -> None:
        place = os.path.dirname(self.path) or "."
        text = json.dumps(
            {"tokens": [asdict(one) for one in sorted(tokens, key=lambda one: one.name)]}, indent=1
        )
        descriptor, temporary = tempfile.mkstemp(dir=place)
        try:
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(text + "\n")
                file.flush()
                if os.geteuid() == 0:
                    # Who runs the node can read it, whoever makes tokens.
                    owner = os.stat(place)
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise


class KnownTokens:
    """The same file for the API: read again when it has changed.

    Args:
        path: the file; none is there before the first token.
        now: seconds since 1970.
    """

    def __init__(self, path: str, now: Callable[[], float] = time.time) -> None:
        self._file = TokenFile(path)
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._known: dict[str, APIToken] = {}

    def find(self, secret: str) -> APIToken | None:
        """Whose token this is; None for nobody's, or one that has expired.

        Raises:
            MailframeError: temporary, when the file cannot be read.
        """
        self._look()
        found = self._known.get(digest_of(secret))
        return None if found is None or found.is_over(self._now()) else found

    def _look(self) -> None:
        try:
            facts = os.stat(self._file.path)
        except FileNotFoundError:
            self._seen, self._known = None, {}
            return
        except OSError as error:
            raise MailframeError(BROKEN, f"{self._file.path}: {error.strerror}") from error
        seen = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if seen != self._seen:
            self._known = {one.digest: one for one in self._file.tokens()}
            self._seen = seen


def digest_of(secret: str) -> str:
    """How a token is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _token(said: Any) -> APIToken:
    return APIToken(
        str(said["name"]),
        str(said["digest"]),
        tuple(str(scope) for scope in said["scopes"]),
        int(said["created"]),
        int(said["expires"]),
        tuple(str(domain) for domain in said["domains"]),
    )
