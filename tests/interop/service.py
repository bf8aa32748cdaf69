"""One running service for all interop tests, filled once with the same messages over every way in."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import smtplib
import ssl
import subprocess
import tempfile
from pathlib import Path

from tests.node.harness import Node

from .messages import messages

ALICE = "alice@example.test"
BOB = "bob@example.test"
CAROL = "carol@example.test"
DAVE = "dave@example.test"
ERIN = "erin@example.test"
# Programs that keep a mailbox of their own each, so that none sees what another one did.
CLIENTS = tuple(
    f"{name}@example.test"
    for name in (
        "curl",
        "fetchmail",
        "getmail",
        "imapclient",
        "imapfilter",
        "imapflow",
        "roundcube",
        "interimap",
        "interimap-far",
        "mailutil",
        "mpop",
        "mutt",
        "neomutt",
        "offlineimap",
    )
)
PASSWORD = "wonderland-2580"
ASKED = bool(os.environ.get("MAILFRAME_INTEROP"))
SKIP = None if ASKED else "real mail programs are used only by `make interop`"


def program(name: str) -> str:
    """The path of a program; a clear failure where it is absent."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise AssertionError(f"{name} is not installed: `make interop` installs it")
    return found


def run(
    *command: str | Path, stdin: bytes | None = None, ok: tuple[int, ...] = (0,), **options: object
) -> bytes:
    """Run a program to its end; its standard output, or a failure that shows both outputs."""
    done = subprocess.run(
        [program(str(command[0])), *map(str, command[1:])],
        input=stdin,
        capture_output=True,
        timeout=180,
        **options,
    )
    if done.returncode not in ok:
        raise AssertionError(
            f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]!r}\n{done.stderr[-3000:]!r}"
        )
    return done.stdout


@functools.cache
def node() -> Node:
    """The service, started at first use and stopped when the tests end."""
    base = tempfile.mkdtemp(prefix="mailframe-interop-")
    service = Node(
        base,
        accounts=dict.fromkeys((ALICE, BOB, CAROL, DAVE, ERIN, *CLIENTS), PASSWORD),
        roles=("mx", "relay", "store"),
        workers=2,
        # Bob submits messages that were written by others, so that all ways in get all kinds of messages.
        extra={"role.relay": ['header_from = "off"']},
    )
    service.start()
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    atexit.register(service.stop)
    return service


def trust() -> ssl.SSLContext:
    """A client's context that trusts the development certificate and nothing else."""
    return ssl.create_default_context(cafile=str(node().certificate))


@functools.cache
def sent() -> list[bytes]:
    """All messages, sent to alice once: a third each in clear, by STARTTLS, and by TLS from the start."""
    everything = messages()
    ports = node().ports
    with smtplib.SMTP("127.0.0.1", ports["smtp"], "client.test", timeout=60) as plain:
        for message in everything[0::3]:
            plain.sendmail("joerg@sender.test", [ALICE], message, mail_options=["BODY=8BITMIME"])
    with smtplib.SMTP("localhost", ports["smtp"], "client.test", timeout=60) as upgraded:
        upgraded.starttls(context=trust())
        for message in everything[1::3]:
            upgraded.sendmail("joerg@sender.test", [ALICE], message, mail_options=["BODY=8BITMIME"])
    with smtplib.SMTP_SSL(
        "localhost", ports["submissions"], "client.test", timeout=60, context=trust()
    ) as secure:
        secure.login(BOB, PASSWORD)
        for message in everything[2::3]:
            secure.sendmail(BOB, [ALICE], message, mail_options=["BODY=8BITMIME"])
    return everything
