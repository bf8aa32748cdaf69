"""The ``mailframe`` command: which commands there are, and how what goes wrong is told."""

from __future__ import annotations

import importlib
import keyword
import os
from typing import Any

import click

from mailframe import __version__
from mailframe.config.errors import ConfigurationErrors
from mailframe.message.status import MailframeError
from mailframe.registry import PluginError

from .errors import Refused

COMMANDS = {
    "account": "Add, list, change and remove accounts; change passwords.",
    "alias": "Add, list and remove aliases.",
    "api-token": "Make tokens for the HTTP API; take them back.",
    "app-password": "Make passwords for one program or device each; take them back.",
    "catch-all": "See what catch-alls took; refuse addresses that are nobody's.",
    "check-config": "Say everything that is wrong with a configuration.",
    "completion": "Print what a shell needs to complete commands.",
    "directory": "Import and export it; see who changed what; look at copies.",
    "domain": "Add, list, change and remove domains.",
    "export": "Export an account's mail into files.",
    "import": "Import mail into an account, from files or another server.",
    "ingest": "Look at copies of accepted mail; put them into mailboxes again.",
    "init": "Make a configuration, a data directory, accounts, a certificate.",
    "mailbox": "Look at mailboxes; check and repair them; have expunged mail back.",
    "plugins": "List what can be named in the configuration.",
    "probe": "Ask a server what it is and does.",
    "proxy": "Look at sessions at the front door; end some; send nobody to a store.",
    "queue": "Look at mail on its way out; hold it, try it again, give it up.",
    "quickstart": "Make a service to try, start it, and say how to use it.",
    "read": "Read the newest message of an account, by IMAP.",
    "reload": "Make the running node read its configuration again.",
    "send": "Send a test message, by SMTP.",
    "status": "Say what the running node does.",
}
"""Every command and what it does; its module is imported when it is used."""


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, each with one ``click.Command`` called ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        # No module can be called what Python keeps for itself.
        module = importlib.import_module(f"mailframe.cli.{name}{'_' * keyword.iskeyword(name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what goes wrong becomes a sentence for people."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except ConfigurationErrors as errors:
            raise Refused(str(errors)) from errors
        except MailframeError as error:
            raise Refused(error.reason) from error
        except PluginError as error:
            raise Refused(str(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise Refused(f"{place}{error.strerror or error}") from error
        except Exception as error:
            if os.environ.get("MAILFRAME_DEBUG"):
                raise
            text = f"this should not have happened: {type(error).__name__}: {error}"
            raise Refused(f"{text}\nMAILFRAME_DEBUG=1 shows where; please report it.") from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 refused or errors found, 2 wrong usage, 3 the node is not running. "
    "The configuration is --config, $MAILFRAME_CONFIG, ./mailframe.toml or /etc/mailframe/mailframe.toml.",
)
@click.version_option(__version__, prog_name="mailframe")
def mailframe() -> None:
    """Set up, check and watch a Mailframe service; ``twistd mailframe`` runs it."""
