"""``mailframe check-config``: everything that is wrong with a configuration, at once."""

from __future__ import annotations

import attrs
import click

from mailframe.config.errors import ConfigurationErrors
from mailframe.config.listen import format_listener
from mailframe.config.listeners import listeners_of
from mailframe.config.loading import load
from mailframe.config.schema import Choice, Configuration
from mailframe.registry import PluginUnavailable
from mailframe.tls.errors import CertificateError
from mailframe.tls.server import Contexts

from .errors import Refused
from .shared import config_option, json_option, print_json


@click.command("check-config")
@config_option
@click.option("--role", "roles", multiple=True, help="Check as if the node had these roles.")
@json_option
def command(config: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Say everything that is wrong with a configuration, each with file and line."""
    try:
        configuration = load(config, roles)
    except ConfigurationErrors as errors:
        if as_json:
            print_json({"ok": False, "problems": [attrs.asdict(problem) for problem in errors.problems]})
        count = len(errors.problems)
        raise Refused(f"{errors}\n{count} {'error' if count == 1 else 'errors'}") from None
    _check_plugins(configuration)
    warnings = _check_certificates(configuration)
    listeners = _listeners(configuration)
    if as_json:
        print_json(
            {
                "ok": True,
                "problems": [],
                "warnings": warnings,
                "roles": list(configuration.roles),
                "listeners": listeners,
            }
        )
        return
    click.echo(f"{config} is right: {', '.join(configuration.roles)}")
    for warning in warnings:
        click.echo(f"  warning: {warning}")
    for role, addresses in listeners.items():
        click.echo(f"  {role}: {', '.join(addresses) or 'listens nowhere'}")


def _check_plugins(configuration: Configuration) -> None:
    """Import what everything in use is built with.

    Raises:
        Refused: libraries are missing; names all of them.
    """
    wrong = []
    for choice in _choices(configuration):
        try:
            choice.factory.check()
        except PluginUnavailable as error:
            wrong.append(str(error))
    if wrong:
        raise Refused("\n".join(wrong))


def _check_certificates(configuration: Configuration) -> list[str]:
    """Read the certificates as a worker does.

    Returns:
        What an administrator should know of them.

    Raises:
        Refused: one cannot be used.
    """
    options = configuration.tls
    if not options.configured:
        return []
    try:
        return Contexts(options=options, hostname=configuration.node.hostname).problems()
    except CertificateError as error:
        raise Refused(str(error)) from None


def _choices(configuration: Configuration) -> list[Choice]:
    """Everything that is chosen."""
    families = (configuration.roles, configuration.policies, configuration.filters, configuration.deliveries)
    return [
        *configuration.directories.values(),
        configuration.store,
        configuration.authenticator,
        *(choice for family in families for choice in family.values()),
    ]


def _listeners(configuration: Configuration) -> dict[str, list[str]]:
    return {
        name: [format_listener(listener) for _, listener in listeners_of(choice.options)]
        for name, choice in configuration.roles.items()
    }
