"""``twistd mailframe``: runs a node.

Options and configuration are checked when the command line is read, before twistd detaches: whoever starts it sees
all errors at once. Nothing here imports the reactor before it is chosen.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from twisted.application.service import IService
from twisted.logger import ILogObserver, Logger
from twisted.python import usage

from mailframe.node.logs import LogOutlet
from mailframe.node.plan import Plan, PlanError
from mailframe.node.source import FileSource

VARIABLE = "MAILFRAME_CONFIG"
USUAL_PLACES = ("mailframe.toml", "/etc/mailframe/mailframe.toml")
DAEMON_LOG = "twistd.log"
"""Where twistd itself writes to when it detaches and nobody says otherwise."""

log = Logger()


class Options(usage.Options):
    """What may stand behind ``twistd mailframe``."""

    synopsis = "[options]"
    longdesc = (
        "Runs this machine's part of a mail service: the roles that the configuration, or --role, names. "
        f"The configuration is --config, ${VARIABLE}, {' or '.join(USUAL_PLACES)}; `mailframe init` writes one."
    )
    optParameters = [
        ["config", "c", None, "The configuration file."],
        ["workers", "w", None, "How many processes serve connections, instead of the number in the file."],
    ]
    compData = usage.Completions(optActions={"config": usage.CompleteFiles("*.toml")})

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.roles: list[str] = []
        self.plan: Plan | None = None
        self.source: FileSource | None = None
        self.outlet: LogOutlet | None = None

    def opt_role(self, name: str) -> None:
        """A role to run instead of those in the file; may be given several times."""
        self.roles.append(name)

    opt_r = opt_role

    def parseArgs(self, *arguments: str) -> None:
        """Nothing may stand behind the options.

        Raises:
            usage.UsageError: something does.
        """
        if arguments:
            raise usage.UsageError(
                f"mailframe takes no arguments, only options, but got: {' '.join(arguments)}"
            )

    def postOptions(self) -> None:
        """Read and check the configuration, and see to the log.

        Raises:
            usage.UsageError: an option is wrong.
            SystemExit: the configuration is; it has been said what.
        """
        self.source = FileSource(self._path(), self.roles, self._worker_count())
        try:
            self.plan = self.source.load()
            self.outlet = LogOutlet(self._log_path(self.plan))
        except PlanError as error:
            refuse(error.errors)
        except OSError as error:
            refuse([f"the log file {error.filename} cannot be opened: {error.strerror}"])
        self._take_over_log(self.plan, self.outlet)

    def _path(self) -> str:
        path = self["config"] or os.environ.get(VARIABLE)
        if path:
            # twistd may change the directory when it detaches, and a reload comes after that.
            return os.path.abspath(path)
        for place in USUAL_PLACES:
            if os.path.exists(place):
                return os.path.abspath(place)
        raise usage.UsageError(
            f"there is no {' and no '.join(USUAL_PLACES)}; name the configuration by --config, "
            "or make one with: mailframe init"
        )

    def _worker_count(self) -> int | None:
        text = self["workers"]
        if text is None:
            return None
        if not text.isdecimal() or not 1 <= int(text) <= 1024:
            raise usage.UsageError(f"--workers: expected a number from 1 to 1024, got {text!r}")
        return int(text)

    def logs_to_file(self) -> bool:
        """Is the log somewhere else than where who started us looks?"""
        return self.outlet is not None and self.outlet.descriptor is not None

    # twistd's own options stand in our parent.

    def _log_path(self, plan: Plan) -> str | None:
        twistd: dict[str, Any] = getattr(self, "parent", None) or {}
        path = plan.log.file or twistd.get("logfile")
        if path == "-" or (not path and twistd.get("nodaemon", True)):
            return None
        return os.path.abspath(path or os.path.join(twistd.get("rundir") or ".", DAEMON_LOG))

    def _take_over_log(self, plan: Plan, outlet: LogOutlet) -> None:
        """Make twistd log in our form and place, unless it was told how (``--logger``, ``--syslog``)."""
        twistd = getattr(self, "parent", None)
        if twistd is None or twistd.get("logger") or twistd.get("syslog"):
            return

        # twistd takes a dotted name and calls it without arguments.
        global _observer
        _observer = outlet.observer(plan.log.format, plan.log.level)
        twistd["logger"] = f"{__name__}.log_observer"


_observer: ILogObserver | None = None


def log_observer() -> ILogObserver:
    """The observer that the configuration asks for; what we name to twistd's ``--logger``."""
    assert _observer is not None
    return _observer


def makeService(options: Options, reactor: Any = None, exit: Callable[[int], None] | None = None) -> IService:
    """The node that the options describe.

    Args:
        options: parsed ones.
        reactor: the global one by default.
        exit: ends the process with a code once the reactor has stopped.
    """
    from mailframe.node.parent import Node

    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    assert options.plan is not None
    assert options.source is not None

    def fatal(errors: Sequence[str]) -> None:
        for error in errors:
            log.critical("the node cannot start: {reason}", reason=error)
        if not reactor.running:
            refuse(errors if options.logs_to_file() else [])
        (exit or _exit_later)(1)
        reactor.stop()

    return IService(Node(options.plan, options.source, reactor, os.environ, fatal, options.outlet))


def refuse(errors: Sequence[str]) -> NoReturn:
    """Say why the node does not start, and end with code 1."""
    for error in errors:
        print(error, file=sys.__stderr__, flush=True)
    sys.exit(1)


def _exit_later(code: int) -> None:
    # twistd has no way to say how it ends; it still removes its pid file before this.
    atexit.register(os._exit, code)
