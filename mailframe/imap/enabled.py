"""What a client has switched on: by ENABLE (RFC 5161), or by the first use of CONDSTORE (RFC 7162 section 3.1).

One `Enabled` belongs to a session. The parser reads it for the spelling of names, the selected mailbox for the form
of its answers, commands for what they may take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mailframe.message.status import Status

UID_REQUIRED = Status((5, 5, 1), "This session uses UIDs only", "UIDREQUIRED")
"""RFC 9586 section 3."""


class Enabled:
    """What one session has switched on; nothing can be switched off again, but by UNAUTHENTICATE.

    Attributes:
        condstore: FETCH responses with flags have the MODSEQ (RFC 7162 section 3.2).
        qresync: messages that are gone are told by VANISHED (RFC 7162 section 3.2.3); has CONDSTORE in it.
        rev2: the session is one of IMAP4rev2 (RFC 9051): no RECENT, ESEARCH for SEARCH, names in UTF-8.
        utf8: UTF8=ACCEPT (RFC 9755): names, quoted strings and messages' headers in UTF-8.
        uid_only: no message sequence numbers (RFC 9586).
    """

    __slots__ = ("condstore", "qresync", "rev2", "uid_only", "utf8")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As at the beginning."""
        self.condstore = self.qresync = self.rev2 = self.utf8 = self.uid_only = False

    @property
    def utf8_names(self) -> bool:
        """Are mailbox names sent in UTF-8, and not in modified UTF-7?"""
        return self.utf8 or self.rev2

    def enable(self, name: str) -> bool:
        """Switch a capability on.

        Args:
            name: as ENABLE names it, in upper case.

        Returns:
            False where there is no such capability, or none that needs switching on: ENABLE passes it over.
        """
        switch = SWITCHES.get(name)
        if switch is None:
            return False
        switch(self)
        return True


def _condstore(enabled: Enabled) -> None:
    enabled.condstore = True


def _qresync(enabled: Enabled) -> None:
    enabled.condstore = enabled.qresync = True


def _rev2(enabled: Enabled) -> None:
    enabled.rev2 = True


def _utf8(enabled: Enabled) -> None:
    enabled.utf8 = True


def _uid_only(enabled: Enabled) -> None:
    enabled.uid_only = True


SWITCHES: Mapping[str, Callable[[Enabled], None]] = {
    "CONDSTORE": _condstore,
    "IMAP4REV2": _rev2,
    "QRESYNC": _qresync,
    "UIDONLY": _uid_only,
    "UTF8=ACCEPT": _utf8,
}
"""What ENABLE knows; each is there only when everything behind it is."""
