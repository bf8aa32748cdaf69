"""A store with some of its methods replaced, to let it fail or wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Interposed:
    """Stands for something else, but for some methods.

    Args:
        original: answers what is not replaced.
        replaced: method name to a function that gets the original method before its arguments.
    """

    def __init__(self, original: Any, **replaced: Callable[..., Any]) -> None:
        self._original = original
        self._replaced = replaced

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._original, name)
        if name not in self._replaced:
            return original
        return lambda *arguments, **named: self._replaced[name](original, *arguments, **named)


def interposed(
    store: Any, account: dict[str, Any] | None = None, mailbox: dict[str, Any] | None = None
) -> Any:
    """A store whose accounts and mailboxes have methods replaced."""

    async def open_mailbox(original: Any, *arguments: Any, **named: Any) -> Any:
        return Interposed(await original(*arguments, **named), **(mailbox or {}))

    async def open_account(original: Any, *arguments: Any) -> Any:
        return Interposed(await original(*arguments), **{"open": open_mailbox, **(account or {})})

    return Interposed(store, account=open_account)


def failing(error: BaseException) -> Callable[..., Any]:
    """A method that raises."""

    async def fail(original: Any, *arguments: Any, **named: Any) -> Any:
        raise error

    return fail
