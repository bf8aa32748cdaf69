"""App passwords are made up here, never chosen: so a fast digest does."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from .passwords import make_hash
from .values import AppPassword

SCHEME = "SSHA512"
"""A fast one: nobody guesses twenty random letters, whatever a guess costs."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""No letter that looks like another."""


def new_app_password(
    label: str, scopes: Sequence[str], now: int, expires: int = 0
) -> tuple[AppPassword, str]:
    """Make one up.

    Args:
        label: what its owner calls it.
        scopes: the protocols it is good for; all, where it is empty.
        now: seconds since 1970.
        expires: seconds since 1970; 0 for never.

    Returns:
        What is kept, and the password, to be shown once.
    """
    password = "-".join(_letters(5) for _ in range(4))
    return AppPassword(_letters(8), label, make_hash(password, SCHEME), tuple(scopes), now, expires), password


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))
