"""``mailframe probe dns``: what this machine's resolvers say of a name, and whether DNSSEC proves it."""

from __future__ import annotations

from typing import Any

import attrs
import click

from mailframe.config.loading import load
from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.options import DNSOptions
from mailframe.dns.questions import normal_name, reverse_name
from mailframe.dns.values import Answer, Found, MXRecord, RecordType, SRVRecord
from mailframe.message.address import parse_domain
from mailframe.message.idn import to_ascii

from .errors import NotRunning, Refused
from .shared import VARIABLE, json_option, print_json, print_table

_TYPES = [kind.name for kind in RecordType]
_USUAL = ("MX", "A", "AAAA")


@click.command("dns")
@click.argument("name")
@click.option(
    "-t",
    "--type",
    "types",
    multiple=True,
    type=click.Choice(_TYPES, case_sensitive=False),
    help="A type of records; may be given again.  [default: MX, A and AAAA; of an IP address PTR]",
)
@click.option("--server", "servers", multiple=True, help="Ask this resolver; may be given again.")
@click.option(
    "-c",
    "--config",
    envvar=VARIABLE,
    type=click.Path(dir_okay=False),
    help="Ask as [dns] of this configuration says; otherwise the resolvers of /etc/resolv.conf.",
)
@json_option
def dns(
    name: str, types: tuple[str, ...], servers: tuple[str, ...], config: str | None, as_json: bool
) -> None:
    """Ask the DNS about NAME, a domain name or an IP address, as the service would; say what it answers, and whether
    DNSSEC proves it.
    """
    asked, usual = _name(name)
    options = load(config).dns if config else DNSOptions()
    if servers:
        try:
            options = attrs.evolve(options, servers=list(servers))
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    results = _ask(options, asked, [RecordType[kind.upper()] for kind in types or usual])
    if as_json:
        print_json({"name": asked, "answers": [_told(result) for result in results]})
    else:
        _show(results)
    failed = [result for result in results if isinstance(result, LookupFailed)]
    if failed:
        raise NotRunning(f"The DNS does not answer: {failed[0].reason}.")
    if any(isinstance(result, Answer) and result.found is Found.NO_NAME for result in results):
        raise Refused(f"There is no name {asked}.")


def _name(text: str) -> tuple[str, tuple[str, ...]]:
    """What to ask for, and the types of records that are of interest."""
    try:
        return reverse_name(text), ("PTR",)
    except ValueError:
        pass
    try:
        # Names with underscores are none of a mail domain, but of much that mail keeps in the DNS.
        return normal_name(text if text.isascii() else to_ascii(parse_domain(text))) or ".", _USUAL
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _ask(options: DNSOptions, name: str, kinds: list[RecordType]) -> list[Answer | LookupFailed]:
    """Ask, in a reactor of this command's own."""
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from mailframe.dns.stub import StubResolver

    reactor: Any = installed
    resolver = StubResolver(reactor, options)
    results: list[Any] = []

    async def ask() -> list[Answer | LookupFailed]:
        found: list[Answer | LookupFailed] = []
        for kind in kinds:
            try:
                found.append(await resolver.lookup(name, kind))
            except LookupFailed as error:
                found.append(error)
        return found

    def ended(result: object) -> None:
        results.append(result)
        reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(ask()).addBoth(ended))
    reactor.run()
    if not results:
        raise Refused("Interrupted.")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]  # type: ignore[no-any-return]


def _told(result: Answer | LookupFailed) -> dict[str, Any]:
    if isinstance(result, LookupFailed):
        return {"failed": result.reason, "servfail": result.servfail}
    return {
        "type": result.type.name,
        "found": result.found.value,
        "canonical": result.canonical,
        "dnssec": result.secure,
        "records": list(map(_text, result.records)),
    }


def _show(results: list[Answer | LookupFailed]) -> None:
    rows: list[tuple[str, str, str]] = []
    for result in results:
        if isinstance(result, LookupFailed):
            rows.append(("-", f"FAILED: {result.reason}", "-"))
            continue
        proved = "proved" if result.secure else "-"
        if result.canonical != result.name:
            rows.append(("CNAME", result.canonical, proved))
        shown = list(map(_text, result.records)) or [result.found.value]
        rows.extend((result.type.name, text, proved) for text in shown)
    print_table(("type", "answer", "DNSSEC"), rows)


def _text(record: object) -> str:
    """A record as people write it."""
    if isinstance(record, MXRecord):
        return f"{record.preference} {record.exchange or '.'}"
    if isinstance(record, SRVRecord):
        return f"{record.priority} {record.weight} {record.port} {record.target or '.'}"
    if isinstance(record, bytes):
        printable = all(0x20 <= octet < 0x7F for octet in record)
        return record.decode("ascii") if printable else record.hex()
    return str(record)
