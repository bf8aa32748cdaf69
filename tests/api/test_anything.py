"""The API whatever it is asked: it answers or refuses, and what it did can be seen and said again."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.api.bodies import MEMBERS
from mailframe.api.bulk import bulk
from mailframe.api.calls import Call
from mailframe.api.entries import Directory, get, patch, path_of, put
from mailframe.api.problems import Problem
from mailframe.api.routes import find
from mailframe.api.tokens import APIToken
from mailframe.directory.entries import Kind
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.passwords import make_hash

TOKEN = APIToken("tests", "", ("write",))
LOCAL = st.sampled_from(["alice", "Bob", "a b", "", "jörg", "a/b", "x" * 65, "post.master", ".x"])
DOMAINS = st.sampled_from(["example.test", "EXAMPLE.test", "example.org", "bücher.example", "", "-", "a.b"])
ADDRESSES = st.builds("{}@{}".format, LOCAL, DOMAINS) | st.text(max_size=5)
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ADDRESSES | st.text(max_size=20)
)
ANY = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
_OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=20) | DOMAINS,
    "boolean": st.booleans(),
    "integer": st.integers(-1, 2**64),
    "addresses": st.lists(ADDRESSES, max_size=3),
}


def bodies(kind: Kind) -> st.SearchStrategy[Any]:
    """Mostly objects with the right members, some with anything."""
    known = {
        member.name: _OF_TYPE.get(member.kind, ANY) | st.none() | PLAIN
        for member in MEMBERS[kind]
        # Dear ones have tests of their own.
        if member.name not in ("password", kind.value)
    }
    return st.fixed_dictionaries({}, optional=known) | ANY


def names(kind: Kind) -> st.SearchStrategy[dict[str, str]]:
    """Parts of paths."""
    if kind is Kind.DOMAIN:
        return st.fixed_dictionaries({"domain": DOMAINS | st.text(max_size=5)})
    if kind is Kind.GRANT:
        return st.fixed_dictionaries({"account": ADDRESSES, "subject": ADDRESSES | st.just("@example.org")})
    return st.fixed_dictionaries({"address": ADDRESSES})


CALLS = st.sampled_from(list(Kind)).flatmap(lambda kind: st.tuples(st.just(kind), names(kind), bodies(kind)))


class AnythingTests(SynchronousTestCase):
    """Nothing that is sent is a fault of ours."""

    def setUp(self) -> None:
        """A directory with some entries."""
        self.new_directory()

    def new_directory(self) -> None:
        """Fresh: an example must not see what the one before did."""
        self.entries = MemoryDirectory(["example.test"], {"alice@example.test": "{PLAIN}wonder"})
        self.directory = Directory(
            self.entries, lambda password: (make_hash(password, "SSHA256"), ()), b"secret"
        )

    @given(CALLS)
    def test_put(self, asked: tuple[Kind, dict[str, str], Any]) -> None:
        """What is put is seen as it was answered, and is no change when it is put again, or put back."""
        kind, path, body = asked
        self.new_directory()
        call = Call(TOKEN, path, content=json.dumps(body).encode())
        try:
            made = put(self.directory, call, kind)
        except Problem as problem:
            self.assertIn(
                problem.status, (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
            )
            json.dumps(problem.body())
            return
        version = self.entries.last_version()
        self.assertEqual(made.body, get(self.directory, call, kind).body)
        back = Call(TOKEN, path, content=json.dumps(made.body).encode())
        for again in (put(self.directory, call, kind), put(self.directory, back, kind)):
            self.assertEqual((made.body, made.headers["ETag"]), (again.body, again.headers["ETag"]))
            self.assertFalse(again.changed)
        self.assertEqual(version, self.entries.last_version())
        shown = {member.name for member in MEMBERS[kind] if member.shown}
        self.assertEqual(shown, set(made.body))

    @given(bodies(Kind.ACCOUNT))
    def test_patch(self, body: Any) -> None:
        """A change leaves alone what it does not name."""
        self.new_directory()
        call = Call(TOKEN, {"address": "alice@example.test"}, content=json.dumps(body).encode())
        before = get(self.directory, call, Kind.ACCOUNT).body
        try:
            after = patch(self.directory, call, Kind.ACCOUNT).body
        except Problem:
            self.assertEqual(before, get(self.directory, call, Kind.ACCOUNT).body)
            return
        different = {name for name in before if before[name] != after[name]}
        # The scheme is that of the hash.
        self.assertLessEqual(different, {*body, *(["schemes"] if "password_hash" in body else [])})

    @given(ANY | st.fixed_dictionaries({"edits": st.lists(st.fixed_dictionaries({
        "put": bodies(Kind.ALIAS) | ANY}) | st.fixed_dictionaries({"remove": ANY}), max_size=3)}))  # fmt: skip
    def test_bulk(self, body: Any) -> None:
        """Many edits are done, or refused whole."""
        self.new_directory()
        version = self.entries.last_version()
        try:
            bulk(self.directory, Call(TOKEN, content=json.dumps(body).encode()))
        except Problem as problem:
            json.dumps(problem.body())
            self.assertEqual(version, self.entries.last_version())

    @given(st.binary(max_size=50))
    def test_octets(self, content: bytes) -> None:
        """Any octets are JSON or are refused."""
        try:
            json.dumps(Call(TOKEN, content=content).json(), ensure_ascii=False).encode()
        except Problem as problem:
            self.assertEqual(HTTPStatus.BAD_REQUEST, problem.status)

    @given(st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "X"]),
           st.lists(st.sampled_from(["v1", "accounts", "domains", "bulk", "grants", "app-passwords", "a", ""])))  # fmt: skip
    def test_paths(self, method: str, parts: list[str]) -> None:
        """A path is somebody's or nobody's."""
        try:
            route, found = find(method, parts)
        except Problem as problem:
            self.assertIn(problem.status, (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED))
            return
        self.assertEqual(method, route.method)
        self.assertEqual(parts, ["v1", *route.path.format(**found).removeprefix("/v1/").split("/")])

    def test_locations(self) -> None:
        """Where an entry is said to be, it is found."""
        self.entries.add_domain("xn--bcher-kva.example")
        self.entries.add_account("jörg#?%@xn--bcher-kva.example", "{PLAIN}x")
        (entry,) = self.entries.listing(Kind.ACCOUNT, "xn--bcher-kva.example")
        self.assertEqual("/v1/accounts/j%C3%B6rg%23%3F%25@xn--bcher-kva.example", path_of(entry))
