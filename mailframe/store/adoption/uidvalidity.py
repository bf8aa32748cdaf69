"""``dovecot-uidvalidity``: the UIDVALIDITY of the mailbox that was made last in an account, so that no other has it.

The value is eight hexadecimal digits, in the file or at the end of the name of one beside it
(``dovecot-uidvalidity.4c0e1c2d``); that in a name is newer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NAME = "dovecot-uidvalidity"
_DIGITS = re.compile(r"[0-9a-f]{8}")


def read(octets: bytes, names: Iterable[str] = ()) -> int:
    """The highest value that the file's content and the names beside it tell; 0 for none.

    Args:
        octets: of the file.
        names: in the account's directory.
    """
    told = [name.removeprefix(NAME + ".") for name in names if name.startswith(NAME + ".")]
    told.append(octets[:8].decode("latin-1"))
    return max((int(digits, 16) for digits in told if _DIGITS.fullmatch(digits)), default=0)


def write(value: int) -> tuple[str, bytes]:
    """The name beside the file that tells a value, and the file's content."""
    digits = f"{value:08x}"
    return f"{NAME}.{digits}", digits.encode("ascii")
