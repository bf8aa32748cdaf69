"""Talks to the running node of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailframe.config.loading import load_node
from mailframe.node.control_client import ControlError, request

from .errors import NotRunning, Refused


def ask(
    config: str, command: str, timeout: float, arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One command over the control socket, with what it takes; the answer.

    Only ``[node]`` of the configuration is looked at: the rest may be in the middle of a change.

    Raises:
        NotRunning: no node answers there.
        Refused: the node refused; says why.
    """
    try:
        answer = request(
            load_node(config).control, {"command": command, "arguments": arguments or {}}, timeout
        )
    except ControlError as error:
        raise NotRunning(f"{error}\nStart it with: twistd -n mailframe --config {config}") from None
    if not answer.get("ok"):
        errors = answer.get("errors") or ["the node did not say why"]
        raise Refused("\n".join([*map(str, errors), "Nothing was changed."]))
    return dict(answer)
