"""Can the SASL mechanisms that a listener's options name be served at all? Asked at the start, not at a login."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.directory.interfaces import IAuthenticator, ISASLAuthenticator
from mailframe.registry import PluginUnavailable
from mailframe.sasl.scram import PLUS
from mailframe.sasl.server import PASSWORDS


def require_mechanisms(authenticator: IAuthenticator, names: Sequence[str], section: str) -> None:
    """Refuse what could never succeed: whoever names a mechanism relies on it.

    Args:
        authenticator: decides on logins.
        names: as the option has them; none for all that can be served.
        section: of the configuration, for the message.

    Raises:
        PluginUnavailable: one cannot be served.
    """
    able = authenticator.mechanisms() if ISASLAuthenticator.providedBy(authenticator) else PASSWORDS
    missing = [name for name in names if name.removesuffix(PLUS) not in able]
    if missing:
        raise PluginUnavailable(
            f"[{section}] mechanisms: the authenticator cannot serve {', '.join(missing)}; "
            f"as it is configured, it can serve {', '.join(sorted(able))}"
        )
