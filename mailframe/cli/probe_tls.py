"""``mailframe probe tls``: what TLS would have to give with the hosts of a domain, and why."""

from __future__ import annotations

import importlib
from typing import Any

import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.message.address import parse_domain
from mailframe.message.idn import to_ascii
from mailframe.message.status import MailframeError

from .errors import Refused
from .shared import config_option, json_option, print_json, print_table


@click.command("tls")
@click.argument("domain")
@config_option
@json_option
def tls(domain: str, config: str, as_json: bool) -> None:
    """Say what TLS would have to give with each mail host of DOMAIN, and why: by the configuration, DANE or MTA-STS.
    No host is connected to, and no mail is sent.
    """
    try:
        name = to_ascii(parse_domain(domain))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    explanation, places = _ask(load(config), name)
    if as_json:
        print_json(_told(explanation, places))
    else:
        _show(explanation, places)
    if not any(host.policy is not None for host in explanation.hosts):
        raise Refused(f"No host of {name} can be sent to now.")


def _ask(configuration: Configuration, domain: str) -> Any:
    """Ask, in a reactor of this command's own."""
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    reactor: Any = installed
    explain = importlib.import_module("mailframe.roles.tls_probe").explain_domain
    results: list[Any] = []

    def ended(result: object) -> None:
        results.append(result)
        reactor.stop()

    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(explain(configuration, reactor, domain)).addBoth(ended)
    )
    reactor.run()
    if not results:
        raise Refused("Interrupted.")
    if isinstance(results[0], Failure):
        error = results[0].value
        if isinstance(error, MailframeError):
            raise Refused(f"The hosts of {domain} cannot be found out: {error.reason}.")
        results[0].raiseException()
    return results[0]


def _told(explanation: Any, places: list[str]) -> dict[str, Any]:
    return {
        "domain": explanation.domain,
        "dnssec": explanation.secure,
        "hosts": [_host(host) for host in explanation.hosts],
        "reports": places,
    }


def _host(host: Any) -> dict[str, Any]:
    policy = host.policy
    return {
        "host": host.host,
        "level": None if policy is None else policy.effective().level.value,
        "testing": policy is not None and policy.testing,
        "source": None if policy is None else policy.source,
        "names": [] if policy is None else list(policy.names),
        "tlsa": [] if policy is None else list(map(str, policy.tlsa)),
        "reasons": list(host.reasons),
    }


def _show(explanation: Any, places: list[str]) -> None:
    rows = [
        (
            told["host"],
            "not to be used"
            if told["level"] is None
            else told["level"] + (" (testing)" if told["testing"] else ""),
            told["source"] or "-",
            "; ".join(told["reasons"]),
        )
        for told in map(_host, explanation.hosts)
    ]
    print_table(("host", "TLS", "by", "because"), rows)
    proved = "proves" if explanation.secure else "does not prove"
    click.echo(f"DNSSEC {proved} who the hosts of {explanation.domain} are.")
    click.echo(f"Reports on TLS go to: {', '.join(places) or 'nobody'}")
