"""``mailframe send``: one test message, or many, by SMTP to a running node."""

from __future__ import annotations

import base64
import email.policy
import re
import smtplib
import socket
import ssl
import sys
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import attrs
import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration

from .connections import client_context, pick, services
from .directory import to_mailbox
from .errors import NotRunning, Refused
from .shared import ask_password, config_option, password_options

_LINE_END = re.compile(rb"\r?\n")


@attrs.frozen
class Target:
    """Where to send and how to log in."""

    host: str
    port: int
    implicit_tls: bool
    starttls: bool | None
    user: str | None
    password: str | None
    context: ssl.SSLContext
    timeout: float


@click.command("send")
@click.option("--to", "recipients", multiple=True, required=True, help="A recipient; may be given again.")
@click.option("--from", "sender", help="The sender; the user, or one at this node's name.")
@click.option("--subject", default="A test of Mailframe", show_default=True)
@click.option("--body", help="The text; standard input for -.")
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False), help="A whole message to send.")
@click.option("--host", help="Where to send to; what the configuration listens on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port; the relay's with --user, else the MX's."
)
@click.option("--tls", "implicit_tls", is_flag=True, help="TLS from the start (port 465).")
@click.option(
    "--starttls/--no-starttls", default=None, help="STARTTLS, or not; without either, where offered."
)
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@click.option("--user", help="Log in as this account.")
@click.option("--password", help="Its password; others on this machine may see it in the list of processes.")
@password_options
@click.option(
    "--count", default=1, show_default=True, type=click.IntRange(1), help="How many copies to send."
)
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait for each reply.")
@config_option
def command(
    recipients: tuple[str, ...],
    sender: str | None,
    subject: str,
    body: str | None,
    path: str | None,
    host: str | None,
    port: int | None,
    implicit_tls: bool,
    starttls: bool | None,
    insecure: bool,
    user: str | None,
    password: str | None,
    password_file: str | None,
    count: int,
    timeout: float,
    config: str,
) -> None:
    """Send a test message to the running node.

    With --user it is submitted to the relay; without, it comes in by the MX as from a stranger.
    """
    configuration = load(config)
    addresses = [str(to_mailbox(recipient)) for recipient in recipients]
    origin = str(to_mailbox(sender)) if sender else user or f"test@{configuration.node.hostname}"
    if user is not None and password is None:
        password = ask_password(password_file, confirm=False)
    target = _target(configuration, host, port, implicit_tls, starttls, insecure, user, password, timeout)
    content = _content(path) if path else _compose(origin, addresses, subject, body)
    with click.progressbar(
        length=count, label="sending", hidden=count == 1 or not sys.stderr.isatty(), file=sys.stderr
    ) as bar:
        reply = _send_all(target, origin, addresses, content, count, bar.update)
    click.echo(f"{target.host}:{target.port} took {count if count > 1 else 'it'}: {reply}")


def _target(
    configuration: Configuration,
    host: str | None,
    port: int | None,
    implicit_tls: bool,
    starttls: bool | None,
    insecure: bool,
    user: str | None,
    password: str | None,
    timeout: float,
) -> Target:
    if port is None:
        service = pick(services(configuration), "relay" if user else "mx", "", implicit_tls)
        host, port = host or service.host, service.port
        implicit_tls = service.implicit_tls
    host = host or "127.0.0.1"
    context = client_context(configuration, host, insecure)
    return Target(host, port, implicit_tls, starttls, user, password, context, timeout)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        # Files have the line ends of their machine, mail has CRLF.
        return _LINE_END.sub(b"\r\n", file.read())


def _compose(sender: str, recipients: list[str], subject: str, body: str | None) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = " ".join(subject.splitlines())
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    if body == "-":
        body = sys.stdin.read()
    message.set_content(body if body is not None else "This message tests the way to you.")
    return message.as_bytes()


def _send_all(
    target: Target,
    sender: str,
    recipients: list[str],
    content: bytes,
    count: int,
    sent: Callable[[int], None],
) -> str:
    reply = ""
    try:
        with _connect(target) as session:
            for _ in range(count):
                reply = _transaction(session, sender, recipients, content)
                sent(1)
    except ssl.SSLError as error:
        raise Refused(
            f"TLS failed: {error.reason or error}. --insecure does without a valid certificate."
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(f"The server cannot do that: {error}") from None
    except smtplib.SMTPResponseException as error:
        raise Refused(f"refused: {error.smtp_code} {_text(error.smtp_error)}") from None
    except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
        raise Refused(f"The connection was lost: {error}") from None
    return reply


def _connect(target: Target) -> smtplib.SMTP:
    try:
        session: smtplib.SMTP
        if target.implicit_tls:
            session = smtplib.SMTP_SSL(
                target.host, target.port, timeout=target.timeout, context=target.context
            )
        else:
            session = smtplib.SMTP(target.host, target.port, timeout=target.timeout)
    except (ConnectionRefusedError, socket.gaierror) as error:
        raise NotRunning(f"Nobody answers at {target.host}:{target.port}: {error.strerror}") from None
    try:
        _prepare(session, target)
    except BaseException:
        session.close()
        raise
    return session


def _prepare(session: smtplib.SMTP, target: Target) -> None:
    """Greet, go under TLS and log in, as it is wanted."""
    session.ehlo_or_helo_if_needed()
    wanted = session.has_extn("starttls") if target.starttls is None else target.starttls
    if wanted and not target.implicit_tls:
        session.starttls(context=target.context)
        session.ehlo()  # what was said before TLS is forgotten (RFC 3207 section 4.2)
    if target.user is not None:
        _log_in(session, target.user, target.password or "")


def _log_in(session: smtplib.SMTP, user: str, password: str) -> None:
    """AUTH PLAIN (RFC 4616) in UTF-8; smtplib's own login cannot say a password that is not ASCII."""
    response = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
    _check(session.docmd("AUTH", f"PLAIN {response}"))


def _transaction(session: smtplib.SMTP, sender: str, recipients: list[str], content: bytes) -> str:
    """One message; the reply to its data.

    Raises:
        SMTPResponseException: the sender, a recipient or the message was refused.
    """
    session.ehlo_or_helo_if_needed()
    options = [f"SIZE={len(content)}"] if session.has_extn("size") else []
    if session.has_extn("8bitmime") and not content.isascii():
        options.append("BODY=8BITMIME")
    _check(session.mail(sender, options))
    for recipient in recipients:
        _check(session.rcpt(recipient))
    return f"{_text(_check(session.data(content)))}"


def _check(answer: tuple[int, bytes]) -> bytes:
    code, text = answer
    if code // 100 != 2:
        raise smtplib.SMTPResponseException(code, text)
    return text


def _text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(part if part.isprintable() else ascii(part) for part in text.split())
