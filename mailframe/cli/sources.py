"""Where ``mailframe import`` takes mail from: files, or servers by their URL."""

from __future__ import annotations

import importlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mailframe.config.schema import Configuration
from mailframe.sasl.client import ClientCredentials
from mailframe.transfer.values import Source, TransferError

from .connections import client_context
from .errors import Refused
from .shared import ask_password

FORMATS = ("archive", "maildir", "mbox")
_PORTS = {"imaps": 993, "imap": 143, "pop3s": 995, "pop3": 110}
_ARCHIVE = b"archive.json\0"


@dataclass(frozen=True, slots=True)
class Where:
    """What people said of a source.

    Attributes:
        place: a path, ``-`` or a URL.
        format: one of `FORMATS`; "" to find out.
        mailboxes: names of those to take; none for all.
        mailbox: what a single mbox file is called here.
        password_file: see `mailframe.cli.shared.ask_password`.
        authzid: whose mail, where one logs in for others.
        insecure: do not verify the certificate.
        clear: without TLS.
    """

    place: str
    format: str = ""
    mailboxes: Sequence[str] = ()
    mailbox: str = "INBOX"
    password_file: str | None = None
    authzid: str = ""
    insecure: bool = False
    clear: bool = False


class Opener:
    """Opens a source, more than once where it is read twice; the password is asked for once."""

    def __init__(self, where: Where, configuration: Configuration) -> None:
        self._where = where
        self._configuration = configuration
        self._url = urlsplit(where.place)
        self._credentials: ClientCredentials | None = None

    @property
    def again(self) -> bool:
        """Can it be read a second time?"""
        return self._where.place != "-"

    @property
    def single(self) -> bool:
        """Is it one mailbox, which has no name of its own?"""
        kind, path = self._where.format, Path(self._where.place)
        return kind in ("", "mbox") and path.is_file() and (kind or _format_of(path)) == "mbox"

    def open(self) -> Source:
        """The source.

        Raises:
            Refused: what people said makes no sense.
            TransferError: it cannot be read, or does not let us in.
        """
        scheme = self._url.scheme
        if scheme in _PORTS and "://" in self._where.place:
            return self._remote(scheme)
        return self._local()

    def _local(self) -> Source:
        where = self._where
        path = None if where.place == "-" else Path(where.place)
        kind = where.format or ("archive" if path is None else _format_of(path))
        if kind == "archive":
            source: Source = _class("archive.reading", "ArchiveSource")(path)
        elif path is None:
            raise Refused("Only an archive can be read from standard input.")
        elif kind == "maildir":
            source = _class("local.maildir", "MaildirSource")(path)
        else:
            source = _class("local.mbox", "MboxSource")(path, where.mailbox)
        return source

    def _remote(self, scheme: str) -> Source:
        url, where = self._url, self._where
        if not url.hostname or not url.username or url.password:
            raise Refused(f"Write {scheme}://USER@HOST, without a password; it is asked for.")
        if self._credentials is None:
            password = ask_password(where.password_file, confirm=False)
            self._credentials = ClientCredentials(unquote(url.username), password, authzid=where.authzid)
        connection = importlib.import_module("mailframe.transfer.remote.connection")
        security = "tls" if scheme.endswith("s") else "none" if where.clear else "starttls"
        context: ssl.SSLContext = client_context(self._configuration, url.hostname, where.insecure)
        peer = connection.Peer(url.hostname, url.port or _PORTS[scheme], self._credentials, context, security)
        if scheme.startswith("imap"):
            source: Source = _class("remote.imap", "IMAPSource")(peer, where.mailboxes)
        else:
            source = _class("remote.pop3", "POP3Source")(peer)
        return source


def _class(module: str, name: str) -> type:
    found: type = getattr(importlib.import_module(f"mailframe.transfer.{module}"), name)
    return found


def _format_of(path: Path) -> str:
    """What kind of thing lies there."""
    if path.is_dir():
        return "maildir" if (path / "cur").is_dir() else "mbox"
    if not path.exists():
        raise TransferError(f"There is no {path}.")
    with path.open("rb") as file:
        return "archive" if file.read(len(_ARCHIVE)) == _ARCHIVE else "mbox"
