"""``mailframe read``: the newest message of an account, or a list, by IMAP from a running node."""

from __future__ import annotations

import contextlib
import email
import email.policy
import imaplib
import re
import socket
import ssl
import sys
from email.message import EmailMessage
from typing import Any

import click

from mailframe.config.loading import load

from .connections import client_context, pick, services
from .errors import NotRunning, Refused
from .shared import ask_password, config_option, json_option, password_options, print_rows

_FACTS = re.compile(rb"UID ([0-9]+)|RFC822\.SIZE ([0-9]+)|FLAGS \(([^)]*)\)")


@click.command("read")
@click.argument("account")
@click.option("--mailbox", default="INBOX", show_default=True)
@click.option("--list", "listing", is_flag=True, help="List the newest messages instead.")
@click.option("--count", default=20, show_default=True, type=click.IntRange(1), help="How many to list.")
@click.option("--host", help="Where to read from; what the configuration listens on.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port of IMAP.")
@click.option("--tls/--starttls", "implicit_tls", default=None, help="TLS from the start, or by STARTTLS.")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@click.option("--password", help="The password; others on this machine may see it in the list of processes.")
@password_options
@config_option
@json_option
def command(
    account: str,
    mailbox: str,
    listing: bool,
    count: int,
    host: str | None,
    port: int | None,
    implicit_tls: bool | None,
    insecure: bool,
    password: str | None,
    password_file: str | None,
    config: str,
    as_json: bool,
) -> None:
    """Print the newest message of an account. It stays unread."""
    configuration = load(config)
    if port is None:
        service = pick(services(configuration), "store", "imap", implicit_tls is not False)
        host, port, implicit_tls = host or service.host, service.port, service.implicit_tls
    host = host or "127.0.0.1"
    if password is None:
        password = ask_password(password_file, confirm=False)
    context = client_context(configuration, host, insecure)
    try:
        session = _connect(host, port, implicit_tls is not False, context)
    except (ConnectionRefusedError, socket.gaierror) as error:
        raise NotRunning(f"Nobody answers at {host}:{port}: {error.strerror}") from None
    except ssl.SSLError as error:
        raise Refused(
            f"TLS failed: {error.reason or error}. --insecure does without a valid certificate."
        ) from None
    except imaplib.IMAP4.error as error:
        raise Refused(f"The server does not talk IMAP with us: {error}") from None
    try:
        _work(session, account, password, mailbox, count if listing or as_json else 0, as_json)
    except imaplib.IMAP4.error as error:
        raise Refused(f"The server refused: {_words(error)}") from None
    finally:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            session.logout()


def _connect(host: str, port: int, implicit_tls: bool, context: ssl.SSLContext) -> imaplib.IMAP4:
    if implicit_tls:
        return imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=60)
    session = imaplib.IMAP4(host, port, timeout=60)
    session.starttls(ssl_context=context)
    return session


def _work(
    session: imaplib.IMAP4, account: str, password: str, mailbox: str, count: int, as_json: bool
) -> None:
    # LOGIN of imaplib cannot say a password that is not ASCII.
    session.authenticate("PLAIN", lambda _: f"\0{account}\0{password}".encode())
    kind, data = session.select(_quoted(mailbox), readonly=True)
    if kind != "OK":
        raise imaplib.IMAP4.error(_words(data[0]))
    total = int(data[0] or 0)
    if count:
        rows = _list(session, max(1, total - count + 1), total) if total else []
        print_rows(rows, ("uid", "date", "from", "subject", "size", "flags"), as_json, f"{mailbox} is empty")
    elif not total:
        click.echo(f"{mailbox} of {account} is empty", err=True)
    else:
        _, parts = session.fetch(str(total), "(BODY.PEEK[])")
        sys.stdout.write(_whole(parts).decode("utf-8", "replace").replace("\r\n", "\n"))


def _whole(parts: list[Any]) -> bytes:
    """The octets of the one literal in a FETCH answer."""
    for part in parts:
        if isinstance(part, tuple):
            return bytes(part[1])
    raise imaplib.IMAP4.error("the message is gone")


def _list(session: imaplib.IMAP4, first: int, last: int) -> list[dict[str, object]]:
    wanted = "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)])"
    _, parts = session.fetch(f"{first}:{last}", wanted)
    rows = []
    for index, part in enumerate(parts):
        if isinstance(part, tuple):
            # Facts may stand before the literal or behind it.
            behind = parts[index + 1] if index + 1 < len(parts) else b""
            rows.append(_row(part[0] + (behind if isinstance(behind, bytes) else b""), part[1]))
    return rows


def _row(facts: bytes, header: bytes) -> dict[str, object]:
    found = {match.lastindex: match[match.lastindex or 0] for match in _FACTS.finditer(facts)}
    fields = email.message_from_bytes(header, EmailMessage, policy=email.policy.default)
    return {
        "uid": int(found.get(1, 0)),
        "date": str(fields.get("Date", "")),
        "from": str(fields.get("From", "")),
        "subject": str(fields.get("Subject", "")),
        "size": int(found.get(2, 0)),
        "flags": found.get(3, b"").decode("ascii", "replace").split(),
    }


def _quoted(text: str) -> str:
    """A string as IMAP quotes it; imaplib leaves that to its callers."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _words(error: object) -> str:
    text = error.args[0] if isinstance(error, Exception) and error.args else error
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
