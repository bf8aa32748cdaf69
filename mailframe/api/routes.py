"""Every request there is: a table, by which they are routed and of which the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from mailframe.directory.entries import Kind

from . import app_passwords, changes, entries
from .bulk import bulk
from .calls import Answer, Call
from .entries import COLLECTIONS, Directory
from .problems import Problem

Operation = Callable[[Directory, Call], Answer]
"""Does a request; it blocks."""


@dataclass(frozen=True)
class Route:
    """One kind of request.

    Attributes:
        method: of HTTP.
        path: its parts; what stands in braces has a name.
        operation: does it.
        area: what a token has to be for.
        write: must it be allowed to write that? None where edits are looked at one by one.
        name: of the operation, for the document.
        summary: what it does, for people.
        takes: the schema of the body; "" for none.
        gives: the schema of the answer; "" for none.
        query: what may stand behind the question mark.
        codes: of answers that are no errors.
        waits: it may wait until there is something to tell.
    """

    method: str
    path: str
    operation: Operation
    area: str
    write: bool | None
    name: str
    summary: str
    takes: str = ""
    gives: str = ""
    query: Sequence[str] = ()
    codes: Sequence[HTTPStatus] = (HTTPStatus.OK,)
    waits: bool = False

    def match(self, parts: Sequence[str]) -> Mapping[str, str] | None:
        """The named parts of a path; None for another path."""
        own = self.path.strip("/").split("/")
        if len(own) != len(parts):
            return None
        names = {}
        for mine, given in zip(own, parts, strict=True):
            if mine.startswith("{"):
                names[mine[1:-1]] = given
            elif mine != given:
                return None
        return names


def find(method: str, parts: Sequence[str]) -> tuple[Route, Mapping[str, str]]:
    """The route of a request, and the named parts of its path.

    Raises:
        Problem: there is nothing, or not with this method.
    """
    allowed = []
    for route in ROUTES:
        names = route.match(parts)
        if names is None:
            continue
        if method == route.method:
            return route, names
        allowed.append(route.method)
    if allowed:
        headers = {"Allow": ", ".join(allowed)}
        raise Problem(
            HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is nothing that is done here", headers=headers
        )
    raise Problem(HTTPStatus.NOT_FOUND, "there is nothing here; /v1/openapi.json says what there is")


def _of_kind(kind: Kind, one: str, many: str, item: str) -> list[Route]:
    """What is done with entries of a kind."""
    area, schema = COLLECTIONS[kind], kind.value.capitalize()
    query = ["domain", "after", "limit"] + (["account"] if kind is Kind.GRANT else [])
    ok, added = HTTPStatus.OK, HTTPStatus.CREATED
    read = [
        Route("GET", f"/v1/{area}", partial(entries.listing, kind=kind), area, False, f"list_{area}",
              f"{many} by name, page by page.", gives=f"{schema}Page", query=query),
        Route("GET", item, partial(entries.get, kind=kind), area, False, f"get_{kind.value}",
              f"{one} as it is.", gives=schema, codes=(ok, HTTPStatus.NOT_MODIFIED)),
    ]  # fmt: skip
    put = Route("PUT", item, partial(entries.put, kind=kind), area, True, f"put_{kind.value}",
                f"Make {one.lower()} be as it is said, whether it is there or not.", schema, schema,
                codes=(ok, added))  # fmt: skip
    change = Route("PATCH", item, partial(entries.patch, kind=kind), area, True, f"patch_{kind.value}",
                   f"Change members of {one.lower()} that is there (RFC 7396).", f"{schema}Patch",
                   schema)  # fmt: skip
    remove = Route("DELETE", item, partial(entries.remove, kind=kind), area, True, f"delete_{kind.value}",
                   f"Take {one.lower()} away.", codes=(HTTPStatus.NO_CONTENT,))  # fmt: skip
    # There is nothing to change of a grant.
    return [*read, put, remove] if kind is Kind.GRANT else [*read, put, change, remove]


_APPS = "/v1/accounts/{address}/app-passwords"
ROUTES: Sequence[Route] = (
    *_of_kind(Kind.DOMAIN, "A domain", "Domains", "/v1/domains/{domain}"),
    *_of_kind(Kind.ACCOUNT, "An account", "Accounts", "/v1/accounts/{address}"),
    *_of_kind(Kind.ALIAS, "An alias", "Aliases", "/v1/aliases/{address}"),
    *_of_kind(Kind.GRANT, "A grant", "Grants", "/v1/grants/{account}/{subject}"),
    Route("GET", _APPS, app_passwords.listing, "app-passwords", False, "list_app_passwords",
          "App passwords of an account, without what lets in.", gives="AppPasswords"),
    Route("POST", _APPS, app_passwords.add, "app-passwords", True, "add_app_password",
          "Make an app password; only this answer has it.", "NewAppPassword", "MadeAppPassword",
          codes=(HTTPStatus.CREATED,)),
    Route("DELETE", f"{_APPS}/{{identifier}}", app_passwords.remove, "app-passwords", True, "delete_app_password",
          "Take an app password back.", codes=(HTTPStatus.NO_CONTENT,)),
    Route("POST", "/v1/bulk", bulk, "", None, "bulk",
          "Many edits in order, all or none; the token must be for each of them.", "Bulk", "Outcomes"),
    Route("GET", "/v1/changes", changes.changes, "changes", False, "changes",
          "What was changed behind a version; where the directory is now, without one.", gives="Changes",
          query=("since", "limit", "wait"), waits=True),
)  # fmt: skip
"""All but the document itself."""
