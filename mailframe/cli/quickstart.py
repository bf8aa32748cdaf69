"""``mailframe quickstart``, which is ``make run``: a service to try, started, and how to use it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from mailframe.config.listen import parse_listener
from mailframe.config.loading import load
from mailframe.config.schema import Configuration

from .connections import Service, pick, services
from .errors import Refused
from .init import FILE, make_service, parse_account
from .template import FirstConfiguration

DOMAIN = "example.test"
ACCOUNTS = (f"alice@{DOMAIN}", f"bob@{DOMAIN}")
_PASSWORDS = "passwords.json"
_LOG = "mailframe.log"
_PROTOCOLS = {
    ("mx", "listen"): "SMTP",
    ("relay", "listen"): "submission",
    ("store", "lmtp"): "LMTP",
    ("store", "imap"): "IMAP",
    ("store", "pop3"): "POP3",
}


@click.command("quickstart")
@click.argument("directory", type=click.Path(file_okay=False))
@click.option("--port-offset", default=0, show_default=True, help="Added to every port, at the first start.")
@click.option("--wait", default=30.0, show_default=True, help="Seconds until all listeners must answer.")
def command(directory: str, port_offset: int, wait: float) -> None:
    """Make a service with two accounts in DIRECTORY, start it, and say how to use it.

    What is there from the last time is used again. Ctrl-C stops it.
    """
    path = os.path.join(directory, FILE)
    if not os.path.exists(path):
        _make(directory, port_offset)
    configuration = load(path)
    _refuse_taken_ports(configuration)
    log = os.path.join(directory, _LOG)
    # From here on both ways to stop us must stop the service too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(_twistd(path, log), start_new_session=True)  # noqa: S603 - our own command
    try:
        _wait_until_ready(process, configuration, time.monotonic() + wait, log)
        click.echo(screen(configuration, _passwords(directory), log))
        sys.stdout.flush()
        code = _wait_until_stopped(process)
    finally:
        _stop(process)
    if code:
        raise Refused(f"The service ended with exit code {code}; {log} says why:\n{_tail(log)}")


def _make(directory: str, port_offset: int) -> None:
    first = FirstConfiguration(
        path=os.path.join(directory, FILE), hostname=f"mail.{DOMAIN}", port_offset=port_offset
    )
    made = make_service(directory, first, [DOMAIN], [parse_account(name) for name in ACCOUNTS])
    passwords = {account.name: account.password for account in made.accounts}
    # Only here are passwords kept in clear: these accounts are for trying things out.
    descriptor = os.open(os.path.join(directory, _PASSWORDS), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(passwords, file, indent=2)


def _passwords(directory: str) -> Mapping[str, str]:
    try:
        with open(os.path.join(directory, _PASSWORDS), encoding="utf-8") as file:
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}


def _twistd(path: str, log: str) -> Sequence[str]:
    run = "from twisted.scripts.twistd import run; run()"
    options = ("-n", "--pidfile=", f"--logfile={log}")
    return [sys.executable, "-c", run, *options, "mailframe", "--config", path]


def _refuse_taken_ports(configuration: Configuration) -> None:
    taken = [str(one.port) for one in services(configuration) if _connects(one.host, one.port)]
    if taken:
        raise Refused(
            f"Something listens on {'port' if len(taken) == 1 else 'ports'} {', '.join(taken)} already. "
            "Is the service running? Otherwise change the listeners in the configuration."
        )


def _connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 1.0):
            return True
    except OSError:
        return False


def greets(service: Service) -> bool:
    """Does a listener answer: with its greeting, under TLS where it is TLS from the start?"""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((service.host, service.port), 2.0) as connection:
            if not service.implicit_tls:
                return bool(connection.recv(1))
            with context.wrap_socket(connection) as secure:
                return bool(secure.recv(1))
    except OSError:
        return False


def _wait_until_ready(
    process: subprocess.Popen[bytes], configuration: Configuration, deadline: float, log: str
) -> None:
    waiting = list(services(configuration))
    while waiting:
        if process.poll() is not None:
            raise Refused(f"The service did not start; {log} says why:\n{_tail(log)}")
        if time.monotonic() > deadline:
            ports = ", ".join(str(one.port) for one in waiting)
            raise Refused(f"Nothing answers on {ports}; {log} may say why:\n{_tail(log)}")
        waiting = [one for one in waiting if not greets(one)]
        if waiting:
            time.sleep(0.1)


def _tail(log: str, lines: int = 15) -> str:
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:]).rstrip()
    except OSError:
        return "(there is no log yet)"


def _wait_until_stopped(process: subprocess.Popen[bytes]) -> int:
    """Wait; Ctrl-C and SIGTERM go to the service, whose way to stop is to let transactions finish.

    Returns:
        Its exit code, 0 when it ended because it was asked to.
    """
    asked = False

    def stop(*_: Any) -> None:
        nonlocal asked
        asked = True
        if process.poll() is None:
            process.terminate()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    code = process.wait()
    # twistd ends by the signal that stopped it.
    return 0 if asked and code == -signal.SIGTERM else code


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def screen(configuration: Configuration, passwords: Mapping[str, str], log: str) -> str:
    """What people see once everything answers.

    Args:
        configuration: of the running node.
        passwords: of the accounts, by name.
        log: the log's path.
    """
    lines = ["", "Mailframe is running.", ""]
    for service in services(configuration):
        name = _PROTOCOLS.get((service.role, service.option.split(".")[0]), service.option)
        tls = "TLS" if service.implicit_tls else "STARTTLS" if service.option != "lmtp" else ""
        lines.append(f"  {name:<12}{service.host}:{service.port:<7}{tls}".rstrip())
    if configuration.node.status:
        status = parse_listener(configuration.node.status)
        lines.append(f"  {'status':<12}http://{status.interface or '127.0.0.1'}:{status.port}/")
    lines.append("")
    lines.extend(f"  account {name}   password {password}" for name, password in passwords.items())
    lines.extend(["", *_examples(configuration, passwords), ""])
    lines.append(f"The log is {log}. Ctrl-C stops it; mail stays in {configuration.node.data}.")
    return "\n".join(lines)


def _examples(configuration: Configuration, passwords: Mapping[str, str]) -> list[str]:
    """Lines to copy into another terminal."""
    if len(passwords) < 2:
        return []
    (alice, password), (bob, _), *_ = passwords.items()
    command = shlex.quote(_command())
    config = f"--config {shlex.quote(os.path.relpath(configuration.path))}"
    smtp = pick(services(configuration), "mx")
    return [
        "Send a message, and read it back:",
        "",
        f"  {command} send {config} --from {bob} --to {alice} --subject Hello --body 'Is this on?'",
        f"  {command} read {config} {alice} --password {password}",
        "",
        "or with Python alone:",
        "",
        f"  python3 -c \"import smtplib; smtplib.SMTP('{smtp.host}', {smtp.port}).sendmail('{bob}', '{alice}', "
        "'Subject: Hello\\n\\nIs this on?')\"",
    ]


def _command() -> str:
    """The ``mailframe`` that runs, as short as it can be said from here."""
    path = os.path.join(os.path.dirname(sys.executable), "mailframe")
    if not os.path.exists(path):
        return "mailframe"
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path
