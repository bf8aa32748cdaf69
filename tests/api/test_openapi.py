"""Tests of `mailframe.api.openapi`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mailframe.api.openapi import document
from mailframe.api.routes import ROUTES

from .serving import ServedCase


class DocumentTests(ServedCase):
    """The document says what the API does."""

    async def test_served(self) -> None:
        """Whoever can reach the API can read the document, without a token."""
        found = await self.expect(200, "GET", "/v1/openapi.json", token="")
        self.assertEqual(document(), found.body)

    def test_references(self) -> None:
        """Each schema that is referred to is there, and each that is there is referred to."""
        said = document()
        named = {reference.removeprefix("#/components/schemas/") for reference in _references(said)}
        self.assertEqual(set(said["components"]["schemas"]), named)

    def test_operations(self) -> None:
        """Every route is there once, with its parameters."""
        said = document()
        names = [one["operationId"] for path in said["paths"].values() for method, one in path.items()]
        self.assertEqual(sorted(route.name for route in ROUTES), sorted(set(names)))
        for path, methods in said["paths"].items():
            for one in methods.values():
                wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
                given = {item["name"] for item in one.get("parameters", ()) if item["in"] == "path"}
                self.assertEqual(wanted, given)

    def test_secrets_are_write_only(self) -> None:
        """The document says that passwords never come out."""
        account = document()["components"]["schemas"]["Account"]["properties"]
        self.assertEqual(
            {"password", "password_hash"}, {name for name, one in account.items() if one.get("writeOnly")}
        )
        json.dumps(account)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
