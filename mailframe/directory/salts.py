"""The secret from which the salts of unknown users are made: one for all workers, and the same after a restart.

Were it another one, a stranger who asks twice would see which salts change, and so who has no account.
"""

from __future__ import annotations

import os
import secrets
import tempfile


def kept_secret(path: str) -> str:
    """The secret in a file; made when the file is missing, once however many processes ask at the same time.

    Args:
        path: its directory is there.

    Raises:
        OSError: it can be neither read nor made.
    """
    found = _read(path)
    while not found:
        _make(path)
        found = _read(path)
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(1024).strip()
    except FileNotFoundError:
        return ""


def _make(path: str) -> None:
    """A whole file appears under the name, or somebody else's was there before."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".")
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
