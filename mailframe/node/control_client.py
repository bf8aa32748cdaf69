"""Asks a running node over its control socket; blocking, for commands.

One JSON object a line each way. A question has ``command``: ``status``, ``reload``, ``metrics``, ``health``,
``stop``, or ``ask``, whose ``arguments`` are a ``question`` that roles understand and its ``details``. An answer has
``ok``; where that is false, ``errors`` is a list of sentences.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

PATH_LIMIT = 107
"""Octets in the path of a UNIX socket on Linux (unix(7))."""


class ControlError(Exception):
    """The node cannot be asked; the text says why."""


@contextmanager
def usable_path(path: str) -> Iterator[str]:
    """A name for the same socket that is short enough for the kernel, good inside the ``with``.

    A data directory may lie deep. A longer path is reached through an open descriptor of its directory.
    """
    if len(os.fsencode(path)) <= PATH_LIMIT:
        yield path
        return
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{os.path.basename(path)}"
    finally:
        os.close(descriptor)


def request(path: str, question: Mapping[str, Any], timeout: float = 10.0) -> dict[str, Any]:
    """Put one question.

    Args:
        path: the control socket.
        question: at least ``command``.
        timeout: seconds to wait for the answer; a reload takes as long as its workers need to start.

    Returns:
        The answer.

    Raises:
        ControlError: no node answers there, or not in time.
    """
    try:
        with usable_path(path) as name, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(name)
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except (FileNotFoundError, ConnectionRefusedError):
        raise ControlError(f"no node is running here: nobody answers at {path}") from None
    except PermissionError:
        raise ControlError(f"{path} may only be used by the user that runs the node, or by root") from None
    except TimeoutError:
        raise ControlError(f"the node did not answer within {timeout:g} s") from None
    except OSError as error:
        raise ControlError(f"the node cannot be asked at {path}: {error.strerror or error}") from None
    if not line:
        raise ControlError("the node closed the connection without an answer")
    answer = json.loads(line)
    assert isinstance(answer, dict)
    return answer
