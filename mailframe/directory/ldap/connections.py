"""Connections to LDAP servers, used by threads: kept while they work, to the first server that answers.

A server that fails is left alone for a while, longer each time. Where a kept connection breaks, the same question
goes to a new one at once: the server may only have been restarted.
"""

from __future__ import annotations

import ipaddress
import math
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import ldap3  # type: ignore[import-untyped]
from ldap3.core.exceptions import LDAPException, LDAPInvalidValueError  # type: ignore[import-untyped]
from twisted.logger import Logger

from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .options import LDAPOptions

T = TypeVar("T")
FIRST_DELAY = 0.5
PAGE = 500
PAGED = "1.2.840.113556.1.4.319"
"""The control of RFC 2696."""
SIZE_LIMIT_EXCEEDED, COMPARE_FALSE, COMPARE_TRUE = 4, 5, 6
NO_SUCH_OBJECT = 32
NO_PASSWORD = frozenset({16, 32, 34})
"""There is nothing to compare with: no such attribute, no such entry, no such name (RFC 4511 appendix A)."""
NOT_LET_IN = frozenset({32, 34, 48, 49, 50, 53})
"""A bind that is the user's own affair: a wrong password, one that has expired, an account that is locked."""


log = Logger()


class Refused(Exception):
    """A server does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry.

    Attributes:
        name: its distinguished name.
        values: the attributes that were asked for, by name in lower case.
    """

    name: str
    values: dict[str, list[bytes]]


class _Server:
    """One server, and how it has been."""

    def __init__(self, url: str, options: LDAPOptions) -> None:
        self.url = url
        self.delay = 0.0
        self.until = float("-inf")
        parts = urlsplit(url)
        if parts.scheme not in ("ldap", "ldaps", "ldapi") or not parts.netloc:
            raise ValueError(f"servers: no ldap://, ldaps:// or ldapi:// URL: {url}")
        self.start_tls = options.start_tls and parts.scheme == "ldap"
        local = parts.scheme == "ldapi" or _is_loopback(parts.hostname or "")
        if not local and not (options.verify and (self.start_tls or parts.scheme == "ldaps")):
            raise ValueError(f"servers: {url} is not on this machine: use ldaps:// or start_tls, and verify")
        mode = ssl.CERT_REQUIRED if options.verify else ssl.CERT_NONE
        tls = ldap3.Tls(validate=mode, ca_certs_file=options.ca_file, version=ssl.PROTOCOL_TLS_CLIENT)
        timeouts = {"get_info": ldap3.NONE, "connect_timeout": options.connect_timeout, "tls": tls}
        if parts.scheme == "ldapi":
            self._arguments = {"host": f"ldapi://{unquote(parts.netloc)}", **timeouts}
        else:
            secure = parts.scheme == "ldaps"
            port = parts.port or (636 if secure else 389)
            self._arguments = {"host": parts.hostname, "port": port, "use_ssl": secure, **timeouts}

    def library_server(self) -> Any:
        """A new one each time: the library's remembers for long that it could not be reached."""
        return ldap3.Server(**self._arguments)


class Connections:
    """Asks servers; for several threads.

    Args:
        options: which servers, and our name there.
        seconds: a clock that never goes back.

    Raises:
        ValueError: a server is not named by a URL, or would be asked in clear over a network.
    """

    def __init__(self, options: LDAPOptions, seconds: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._seconds = seconds
        self._servers = [_Server(url, options) for url in options.servers]
        if not self._servers:
            raise ValueError("servers: none is named")
        if options.bind_name and not options.bind_password:
            raise ValueError("bind_password: an empty one would be taken for nobody's")
        self._lock = threading.Lock()
        self._idle: list[tuple[_Server, Any]] = []
        self._closed = False

    def search(
        self, base: str, text: str, attributes: Sequence[str], limit: int = 2, entry: bool = False
    ) -> list[Found]:
        """The entries that a filter finds. Blocks.

        Args:
            base: the entry below which they are.
            text: the filter.
            attributes: what is wanted of them.
            limit: how many at most.
            entry: look at the base only.

        Raises:
            MailframeError: temporary: no server answers, or there are more.
        """
        scope = ldap3.BASE if entry else ldap3.SUBTREE
        return self._ask(lambda connection: self._search(connection, base, text, scope, attributes, limit))

    def each(self, base: str, text: str, attributes: Sequence[str], take: Callable[[Found], None]) -> None:
        """Every entry that a filter finds, a page at a time (RFC 2696). Blocks.

        Args:
            base, text, attributes: as for `search`.
            take: is given each; again from the first one, where a connection breaks in the middle.

        Raises:
            MailframeError: temporary: no server answers.
        """

        def pages(connection: Any) -> None:
            cookie: bytes | None = None
            while True:
                _, result, response, _ = connection.search(
                    base,
                    text,
                    ldap3.SUBTREE,
                    attributes=list(attributes),
                    paged_size=PAGE,
                    paged_cookie=cookie,
                )
                if result["result"] not in (0, NO_SUCH_OBJECT):
                    raise Refused(f"the search was refused: {result.get('description')}")
                for found in _entries(response):
                    take(found)
                control = (result.get("controls") or {}).get(PAGED, {})
                cookie = control.get("value", {}).get("cookie")
                if not cookie:
                    return

        self._ask(pages)

    def log_in(self, name: str, password: str) -> bool:
        """Does a server let somebody in? On a connection of its own. Blocks.

        Args:
            name: of the entry; what else the server takes for a name.
            password: not empty: a server would let anybody in by that, as nobody.

        Raises:
            MailframeError: temporary: no server answers.
        """
        if not password or not name:
            return False
        return self._at_some_server(lambda server: self._logs_in(server, name, password))

    def compare(self, name: str, attribute: str, value: str) -> bool:
        """Does a server say that an entry has this value? Blocks.

        Raises:
            MailframeError: temporary: no server answers.
        """
        return self._ask(lambda connection: self._compare(connection, name, attribute, value))

    def close(self) -> None:
        """Close the connections that nobody uses; the others are closed after use."""
        with self._lock:
            self._closed = True
        self._drop_idle()

    def open(self) -> None:
        """Connections may be kept from now on; they are made when they are needed."""
        self._closed = False

    def _ask(self, question: Callable[[Any], T]) -> T:
        kept = self._take()
        if kept is not None:
            try:
                answer = question(kept[1])
            except MailframeError:
                self._give_back(*kept)
                raise
            except Exception:
                # Whatever the library makes of it: the others of that server are likely to be broken, too.
                _end(kept[1])
                self._drop_idle()
            else:
                self._give_back(*kept)
                return answer
        return self._ask_anew(question)

    def _ask_anew(self, question: Callable[[Any], T]) -> T:
        return self._at_some_server(lambda server: self._at_server(server, question))

    def _at_some_server(self, attempt: Callable[[_Server], T]) -> T:
        reason = "no server has been well lately"
        for server in self._servers:
            if server.until > self._seconds():
                continue
            try:
                answer = attempt(server)
            except MailframeError:
                raise
            except Exception as error:
                # Whatever the library makes of it, another server may be better.
                self._failed(server)
                reason = f"{server.url}: {type(error).__name__}: {error}"
            else:
                server.delay = 0.0
                return answer
        raise MailframeError(CANNOT_LOOK_UP, reason)

    def _at_server(self, server: _Server, question: Callable[[Any], T]) -> T:
        options = self._options
        connection = self._connection(server, options.bind_name, options.bind_password)
        try:
            self._log_in_as_ourselves(server, connection)
            answer = question(connection)
        except MailframeError:
            self._give_back(server, connection)
            raise
        except Exception:
            _end(connection)
            raise
        self._give_back(server, connection)
        return answer

    def _logs_in(self, server: _Server, name: str, password: str) -> bool:
        connection = self._connection(server, name, password)
        try:
            self._open(server, connection)
            done, result, *_ = connection.bind(read_server_info=False)
        except LDAPInvalidValueError:
            # The library cannot say such a password, so it is nobody's.
            return False
        finally:
            _end(connection)
        if done:
            return True
        if result.get("result") not in NOT_LET_IN:
            raise Refused(f"a login cannot be checked: {result.get('description')}")
        # Active Directory says there why: 532 for a password that has expired, 775 for an account that is locked ...
        log.info(
            "the LDAP server does not let {entry!r} in: {reason}",
            entry=name,
            reason=result.get("message") or "",
        )
        return False

    def _compare(self, connection: Any, name: str, attribute: str, value: str) -> bool:
        _, result, *_ = connection.compare(name, attribute, value)
        code = result["result"]
        if code not in (COMPARE_TRUE, COMPARE_FALSE, *NO_PASSWORD):
            raise Refused(f"the comparison was refused: {result.get('description')}")
        return bool(code == COMPARE_TRUE)

    def _failed(self, server: _Server) -> None:
        with self._lock:
            server.delay = min(max(FIRST_DELAY, server.delay * 2), self._options.longest_delay)
            server.until = self._seconds() + server.delay

    def _connection(self, server: _Server, name: str, password: str | None) -> Any:
        return ldap3.Connection(
            server.library_server(),
            user=name or None,
            password=password if name else None,
            authentication=ldap3.SIMPLE if name else ldap3.ANONYMOUS,
            client_strategy=ldap3.SAFE_SYNC,
            read_only=True,
            check_names=False,
            auto_referrals=False,
            receive_timeout=math.ceil(self._options.timeout),
        )

    def _open(self, server: _Server, connection: Any) -> None:
        connection.open()
        if server.start_tls and not connection.start_tls(read_server_info=False):
            raise Refused("no StartTLS")

    def _log_in_as_ourselves(self, server: _Server, connection: Any) -> None:
        self._open(server, connection)
        done, result, *_ = connection.bind(read_server_info=False)
        if not done:
            raise Refused(f"our login was refused: {result.get('description')}")

    def _search(
        self, connection: Any, base: str, text: str, scope: str, attributes: Sequence[str], limit: int
    ) -> list[Found]:
        _, result, response, _ = connection.search(
            base, text, scope, attributes=list(attributes), size_limit=limit, get_operational_attributes=False
        )
        code = result["result"]
        if code == NO_SUCH_OBJECT:
            return []
        if code == SIZE_LIMIT_EXCEEDED:
            raise MailframeError(CANNOT_LOOK_UP, f"more than {limit} entries: {text}")
        if code != 0:
            raise Refused(f"the search was refused: {result.get('description')}")
        return _entries(response)

    def _take(self) -> tuple[_Server, Any] | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, server: _Server, connection: Any) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append((server, connection))
                return
        _end(connection)

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            _end(connection)


def _entries(response: Any) -> list[Found]:
    return [
        Found(item["dn"], {name.lower(): list(values) for name, values in item["raw_attributes"].items()})
        for item in response or ()
        if item["type"] == "searchResEntry"
    ]


def _end(connection: Any) -> None:
    try:
        connection.unbind()
    except (LDAPException, OSError):
        pass  # It is gone already.


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
