"""What went wrong with a request, as RFC 9457 says it: one shape for every error."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from mailframe.directory import refusals
from mailframe.message.status import MailframeError

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER = 5
"""Seconds after which it is worth while to ask again."""


class Problem(Exception):
    """A request that is not done.

    Args:
        status: of HTTP.
        detail: what is wrong, for people; no secrets.
        word: the same for programs: ``NONEXISTENT``, ``ALREADYEXISTS``, ``INUSE``, ``CONFLICT``, ``CANNOT``.
        headers: more of the answer.
        more: more members of the problem, such as the number of the edit.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        word: str = "",
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.word = word
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self) -> dict[str, Any]:
        """The members of the answer."""
        said: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.word:
            said["word"] = self.word
        return said | self.more


_STATUSES = {
    refusals.TAKEN.word: HTTPStatus.CONFLICT,
    refusals.IN_USE.word: HTTPStatus.CONFLICT,
    refusals.CONFLICT.word: HTTPStatus.CONFLICT,
}


def problem_of(error: MailframeError) -> Problem:
    """What a refusal of the directory is in HTTP."""
    status = error.status
    word = status.word or ""
    if status.temporary:
        return unavailable(status.text)
    # What is not there is not the resource, but something that it stands on; see `no_such`.
    return Problem(_STATUSES.get(word, HTTPStatus.UNPROCESSABLE_ENTITY), status.text, word)


def no_such(detail: str) -> Problem:
    """The resource is not there."""
    return Problem(HTTPStatus.NOT_FOUND, detail, refusals.UNKNOWN.word or "")


def wrong(detail: str) -> Problem:
    """The request is understood and cannot be so."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, refusals.WRONG.word or "")


def unavailable(detail: str) -> Problem:
    """It may succeed later."""
    headers = {"Retry-After": str(RETRY_AFTER)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, "UNAVAILABLE", headers)


def not_covered() -> Problem:
    """The token is right, and for other domains."""
    return Problem(HTTPStatus.FORBIDDEN, "the token is not for this domain", "NOPERM")


def not_allowed(area: str, *, write: bool) -> Problem:
    """The token is right, and not for this."""
    scope = f"{area}:{'write' if write else 'read'}"
    headers = {"WWW-Authenticate": f'Bearer realm="mailframe", error="insufficient_scope", scope="{scope}"'}
    return Problem(HTTPStatus.FORBIDDEN, f"the token is not for {scope}", "NOPERM", headers)
