"""What a request says and what is answered, without HTTP's octets. Values only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from .problems import Problem, wrong
from .tokens import APIToken

PAGE = 100
"""Entries of a listing, where nothing is said."""
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody who may make it.

    Attributes:
        token: whose it is.
        names: parts of the path, by what the route calls them.
        query: behind the question mark.
        content: the body.
        if_match: the field of that name, "" where it is not there.
        if_none_match: the same.
    """

    token: APIToken
    names: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    if_match: str = ""
    if_none_match: str = ""

    @property
    def actor(self) -> str:
        """Who it is, for the history."""
        return f"api:{self.token.name}"

    def json(self) -> Any:
        """The body.

        Raises:
            Problem: it is no JSON.
        """
        try:
            said = json.loads(self.content.decode("utf-8"), parse_constant=_no_number)
            if b"\\u" in self.content:
                # Halves of characters are no text that a database takes.
                json.dumps(said, ensure_ascii=False).encode("utf-8")
        except json.JSONDecodeError as error:
            # Its text would show what stands there.
            raise Problem(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error.msg}") from None
        except (ValueError, RecursionError):
            raise Problem(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
        return said

    def number(self, name: str, default: int, largest: int) -> int:
        """A number of the query, the largest at most.

        Raises:
            Problem: it is none.
        """
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise wrong(f"{name} is a whole number")
        return min(int(text), largest)

    def flag(self, name: str) -> bool:
        """A yes or no of the query.

        Raises:
            Problem: it is neither.
        """
        text = self.query.get(name, "false")
        if text not in ("true", "false"):
            raise wrong(f"{name} is true or false")
        return text == "true"

    def page(self) -> tuple[str, int]:
        """Behind which name a listing goes on, and how many entries it may have."""
        return self.query.get("after", ""), max(1, self.number("limit", PAGE, LARGEST_PAGE))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered.

    Attributes:
        body: what JSON can say; None for nothing.
        status: of HTTP.
        headers: more of it.
        changed: the directory is other than before.
    """

    body: Any = None
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
