"""The OpenAPI document (version 3.1), made of the tables by which requests are routed and bodies are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from mailframe import __version__
from mailframe.directory.entries import Kind, Outcome

from . import app_passwords, bulk, changes
from .bodies import MEMBERS, Member
from .calls import LARGEST_PAGE, PAGE
from .entries import COLLECTIONS
from .problems import CONTENT_TYPE
from .routes import ROUTES, Route
from .watching import LONGEST_WAIT

_TYPES: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": 0},
    "addresses": {"type": "array", "items": {"type": "string", "format": "idn-email"}},
    "texts": {"type": "array", "items": {"type": "string"}},
    "objects": {"type": "array", "items": {"type": "object"}},
}
_QUERY: Mapping[str, tuple[dict[str, Any], str]] = {
    "domain": ({"type": "string"}, "Only those in this domain; of grants, those of accounts in it."),
    "account": ({"type": "string"}, "Only those of this account."),
    "after": ({"type": "string"}, "Those behind this name: next of the page before."),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
        f"How many at most; {PAGE} entries or {changes.PAGE} changes where nothing is said.",
    ),
    "since": ({"type": "integer", "minimum": 0}, "Changes behind this version."),
    "wait": (
        {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT},
        "Seconds to wait until there is something new.",
    ),
}
_PROBLEMS: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.UNAUTHORIZED: "There is no token, or a wrong one.",
    HTTPStatus.FORBIDDEN: "The token is not for this.",
    HTTPStatus.NOT_FOUND: "It is not there.",
    HTTPStatus.CONFLICT: "It is in the way of something, in use, or was changed meanwhile.",
    HTTPStatus.GONE: "These changes are not known any more.",
    HTTPStatus.PRECONDITION_FAILED: "It is not as If-Match or If-None-Match say.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "It cannot be so in the directory.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many wrong tokens came from there.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The directory cannot be asked now.",
}
_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mailframe directory",
            "version": __version__,
            "summary": "Domains, accounts, aliases and grants of a mail service.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    said: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    if route.area:
        said["description"] = f"The token's scope: {route.area}:{'write' if route.write else 'read'}."
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += [
        {"name": name, "in": "query", "schema": _QUERY[name][0], "description": _QUERY[name][1]}
        for name in route.query
    ]
    parameters += [
        {"name": name, "in": "header", "schema": {"type": "string"}, "description": "Tags of entries, or *."}
        for name in _conditions(route)
    ]
    if parameters:
        said["parameters"] = parameters
    if route.takes:
        kind = "application/merge-patch+json" if route.method == "PATCH" else "application/json"
        said["requestBody"] = {
            "required": route.takes != "Grant",
            "content": {kind: {"schema": _reference(route.takes)}},
        }
    said["responses"] = _responses(route)
    return said


def _conditions(route: Route) -> Sequence[str]:
    if "ETag" not in _headers(route) and route.method != "DELETE":
        return ()
    return {"GET": ("If-None-Match",), "PUT": ("If-Match", "If-None-Match")}.get(route.method, ("If-Match",))


def _headers(route: Route) -> dict[str, Any]:
    if route.gives not in (kind.value.capitalize() for kind in Kind):
        return {}
    return {"ETag": {"schema": {"type": "string"}, "description": "For If-Match of a later change."}}


def _responses(route: Route) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for code in route.codes:
        answer: dict[str, Any] = {"description": code.phrase}
        if headers := _headers(route):
            answer["headers"] = headers
        if route.gives and code is not HTTPStatus.NOT_MODIFIED:
            answer["content"] = {"application/json": {"schema": _reference(route.gives)}}
        said[str(code.value)] = answer
    for code in sorted({*_ALWAYS, *_possible(route)}):
        said[str(code.value)] = {
            "description": _PROBLEMS[code],
            "content": {CONTENT_TYPE: {"schema": _reference("Problem")}},
        }
    return said


def _possible(route: Route) -> set[HTTPStatus]:
    found = {HTTPStatus.UNPROCESSABLE_ENTITY}
    if "{" in route.path and route.method != "PUT":
        found.add(HTTPStatus.NOT_FOUND)
    if route.write is not False:
        found.add(HTTPStatus.CONFLICT)
    if route.takes:
        found.add(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if route.write and _conditions(route):
        found.add(HTTPStatus.PRECONDITION_FAILED)
    if route.waits:
        found.add(HTTPStatus.GONE)
    return found


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for kind, members in MEMBERS.items():
        name = kind.value.capitalize()
        schemas[name] = _schema(members)
        if kind is not Kind.GRANT:
            schemas[f"{name}Patch"] = _patch(members)
        schemas[f"{name}Page"] = _object(
            {
                COLLECTIONS[kind]: {"type": "array", "items": _reference(name)},
                "next": {
                    "type": ["string", "null"],
                    "description": "The after of the next page; null at the end.",
                },
            }
        )
    kept = _reference("AppPassword")
    schemas |= {
        "AppPassword": _schema(app_passwords.KEPT),
        "AppPasswords": _object({"app_passwords": {"type": "array", "items": kept}}),
        "NewAppPassword": _schema(app_passwords.NEW),
        "MadeAppPassword": {
            "allOf": [kept, _object({"password": {"type": "string", "description": "Shown here only."}})]
        },
        "Bulk": _schema(bulk.BODY),
        "Outcomes": _object(
            {
                "outcomes": {"type": "array", "items": {"enum": [outcome.value for outcome in Outcome]}},
                "dry_run": {"type": "boolean"},
            }
        ),
        "Change": _schema(changes.CHANGE),
        "Changes": _object(
            {
                "changes": {"type": "array", "items": _reference("Change")},
                "version": {"type": "integer", "description": "The since of the next request."},
                "more": {"type": "boolean", "description": "There may be more at once."},
            }
        ),
        "Problem": _problem(),
    }
    return schemas


def _schema(members: Sequence[Member]) -> dict[str, Any]:
    said = _object({member.name: _member(member) for member in members})
    required = [member.name for member in members if member.required]
    return said | ({"required": required} if required else {})


def _patch(members: Sequence[Member]) -> dict[str, Any]:
    properties = {}
    for member in members:
        if member.taken:
            said = _member(member)
            properties[member.name] = said | {"type": [said["type"], "null"]}
    return _object(properties)


def _member(member: Member) -> dict[str, Any]:
    said = _TYPES[member.kind] | {"description": member.doc}
    if member.default is not None:
        said["default"] = member.default
    if not member.taken:
        said["readOnly"] = True
    if not member.shown:
        said["writeOnly"] = True
    if member.name == "app_passwords":
        said["items"] = _reference("AppPassword")
    return said


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties)}


def _problem() -> dict[str, Any]:
    return _object(
        {
            "type": {"type": "string", "default": "about:blank"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What is wrong, for people."},
            "word": {
                "type": "string",
                "description": "The same for programs, such as NONEXISTENT or CONFLICT.",
            },
            "edit": {"type": "integer", "description": "Which edit of a bulk request it is, from 0."},
            "version": {"type": "integer", "description": "Where the directory is now."},
        }
    )
