"""``mailframe probe``: what a server is and does, seen from outside."""

from __future__ import annotations

import math
from typing import Any

import attrs
import click

from mailframe.delivery.options import parse_host
from mailframe.message.address import Address, parse_domain, parse_mailbox
from mailframe.message.idn import to_ascii
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.probing import Questions, Report, probe
from mailframe.smtp.client.settings import ClientSettings
from mailframe.tls.client import ClientContexts

from .errors import NotRunning, Refused
from .probe_dns import dns
from .probe_tls import tls
from .shared import ask_password, json_option, password_options, print_json, print_table

_WORDS = {True: "good", False: "BAD", None: "-"}


@click.group("probe")
def command() -> None:
    """Ask a server what it is and does."""


command.add_command(dns)
command.add_command(tls)


@command.command("smtp")
@click.argument("host")
@click.option("--lmtp", is_flag=True, help="Speak LMTP.")
@click.option("--tls", "implicit_tls", is_flag=True, help="TLS from the start (port 465).")
@click.option(
    "--starttls/--no-starttls",
    default=None,
    help="STARTTLS must be there, or is not tried; else where offered.",
)
@click.option("--insecure", is_flag=True, help="A certificate that does not hold is no fault.")
@click.option(
    "--authorities", type=click.Path(exists=True, dir_okay=False), help="PEM file of whom to trust."
)
@click.option("--user", help="Log in as this user.")
@password_options
@click.option("--relay", multiple=True, help="An address that the server must refuse; may be given again.")
@click.option("--from", "sender", help="The sender for --relay; without it the null sender.")
@click.option("--hostname", default="localhost", show_default=True, help="The name to greet with.")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for each answer.")
@json_option
def smtp(
    host: str,
    lmtp: bool,
    implicit_tls: bool,
    starttls: bool | None,
    insecure: bool,
    authorities: str | None,
    user: str | None,
    password_file: str | None,
    relay: tuple[str, ...],
    sender: str | None,
    hostname: str,
    timeout: float,
    as_json: bool,
) -> None:
    """Greet an SMTP server at HOST[:PORT]; say what it offers, how its TLS is, whether it lets us in, and whether it
    relays. No message is sent.
    """
    target = _target(host, lmtp, implicit_tls)
    if target.path is not None and (implicit_tls or starttls):
        raise click.UsageError("A socket needs no TLS, and none is tried on it.")
    credentials = None
    if user is not None:
        credentials = ClientCredentials(user, ask_password(password_file, confirm=False), host=target.host)
    questions = Questions(
        True if implicit_tls else starttls,
        not insecure,
        credentials,
        [_mailbox(address) for address in relay],
        _mailbox(sender) if sender else None,
    )
    report = _run(target, questions, _settings(_hostname(hostname), timeout), authorities)
    _show(report, as_json)
    if not any(step.name == "connection" and step.good for step in report.steps):
        raise NotRunning(f"No session with {target}.")
    if not report.good:
        raise Refused(f"{target} is not as it should be.")


def _hostname(text: str) -> str:
    try:
        return to_ascii(parse_domain(text))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _mailbox(text: str) -> Address:
    try:
        return parse_mailbox(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _target(host: str, lmtp: bool, implicit_tls: bool) -> Target:
    try:
        found = parse_host(host)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    implicit_tls = implicit_tls or found.implicit_tls
    usual = 24 if lmtp else 465 if implicit_tls else 25
    return Target(
        found.name or str(found.path),
        found.port or usual,
        path=found.path,
        protocol="lmtp" if lmtp else "smtp",
        implicit_tls=implicit_tls,
    )


def _settings(hostname: str, timeout: float) -> ClientSettings:
    if not 0 < timeout < math.inf:
        raise click.UsageError("--timeout is a number of seconds above 0.")
    times = {field.name: timeout for field in attrs.fields(ClientSettings) if field.name.endswith("_timeout")}
    return ClientSettings(hostname=hostname, **times)  # type: ignore[arg-type]


def _run(target: Target, questions: Questions, settings: ClientSettings, authorities: str | None) -> Report:
    """Ask. Only the global reactor will do: Twisted's STARTTLS uses it whatever the connection's own is."""
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    reactor: Any = installed
    connector = Connector(reactor, settings, ClientContexts(authorities))
    results: list[Any] = []

    def ended(result: object) -> None:
        results.append(result)
        reactor.stop()

    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(probe(connector, target, questions)).addBoth(ended)
    )
    reactor.run()
    if not results:
        raise Refused("Interrupted.")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]  # type: ignore[no-any-return]


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "target": report.target,
                "good": report.good,
                "greeting": report.greeting,
                "keywords": report.keywords,
                "tls": report.tls,
                "steps": [{"name": step.name, "good": step.good, "text": step.text} for step in report.steps],
            }
        )
        return
    print_table(("step", "", "result"), [(step.name, _WORDS[step.good], step.text) for step in report.steps])
