"""The control socket: how commands reach a running node. One JSON object a line; see `control_client`."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from .acceptor import Acceptor
from .control_client import usable_path

Answer = dict[str, Any]
Command = Callable[..., Awaitable[Answer]]
"""Takes what the question says under ``arguments``, by name; mostly nothing."""

log = Logger()


class ControlInUse(Exception):
    """Another node answers on the control socket."""


class ControlProtocol(LineOnlyReceiver):
    """One client.

    Args:
        commands: what may be asked, by name.
    """

    delimiter = b"\n"
    MAX_LENGTH = 65536

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands

    def lineReceived(self, line: bytes) -> None:
        """Answer one question."""
        try:
            question = json.loads(line)
            command = partial(self._commands[question["command"]], **question.get("arguments", {}))
        except (ValueError, TypeError, AttributeError):
            self._answer(_refusal("expected a JSON object with a command"))
        except KeyError:
            self._answer(_refusal(f"expected one of the commands {', '.join(sorted(self._commands))}"))
        else:
            Deferred.fromCoroutine(_called(command)).addErrback(_failed).addCallback(self._answer)

    def _answer(self, answer: Answer) -> None:
        if self.transport is not None and self.connected:
            self.transport.write(json.dumps(answer).encode() + b"\n")


class ControlSocket:
    """The listening socket; for this user only.

    Args:
        reactor: accepts.
        path: where; made now.
        commands: what may be asked, by name.

    Raises:
        ControlInUse: another node answers there.
        OSError: it cannot be made.
    """

    def __init__(self, reactor: Any, path: str, commands: Mapping[str, Command]) -> None:
        self._path = path
        factory = Factory.forProtocol(lambda: ControlProtocol(commands))
        factory.noisy = False
        # Our own acceptor: Twisted's UNIX port makes what it adopts writable for everybody.
        self._acceptor = Acceptor(reactor, _bind(path), factory)
        self._acceptor.startListening()

    def close(self) -> None:
        """Answer no more."""
        self._acceptor.stopListening()
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass


def _bind(path: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    try:
        with usable_path(path) as name:
            _remove_stale(name, path)
            # Made with the mode it keeps: a chmod afterwards would leave a moment.
            mask = os.umask(0o177)
            try:
                listening.bind(name)
            finally:
                os.umask(mask)
        listening.listen(16)
    except BaseException:
        listening.close()
        raise
    return listening


def _remove_stale(name: str, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(name)
        except FileNotFoundError:
            return
        except (ConnectionRefusedError, TimeoutError):
            os.unlink(name)
            return
    raise ControlInUse(f"a node is running already with the control socket {path}")


def _refusal(text: str) -> Answer:
    return {"ok": False, "errors": [text]}


async def _called(command: Command) -> Answer:
    return {"ok": True, **await command()}


def _failed(failure: Failure) -> Answer:
    errors = getattr(failure.value, "errors", None)
    if errors is None:
        log.failure("a control command failed", failure)
        errors = ["the command failed; the log says why"]
    return {"ok": False, "errors": [str(error) for error in errors]}
