"""Tests of `mailframe.api.entries` by real HTTP."""

from __future__ import annotations

from typing import Any

from mailframe.directory.entries import Kind, account_key
from mailframe.directory.passwords import verify
from mailframe.directory.values import Credential

from .serving import ServedCase

ALICE = "/v1/accounts/alice@example.test"


class EntryTests(ServedCase):
    """Entries are put, seen, changed and removed."""

    def credential(self, name: str = "alice@example.test") -> Credential:
        """What is kept of an account."""
        found = self.entries.entry(account_key(name))
        assert isinstance(found, Credential)
        return found

    async def test_account_life(self) -> None:
        """An account is made, found, changed and removed."""
        made = await self.expect(201, "PUT", ALICE, {"password": "wonder", "quota": 5000})
        self.assertEqual("/v1/accounts/alice@example.test", made.headers["location"])
        self.assertEqual("application/json", made.headers["content-type"])
        found = await self.expect(200, "GET", "/v1/accounts/Alice%40EXAMPLE.test")
        self.assertEqual(made.body, found.body)
        self.assertEqual(
            {
                "account": "alice@example.test", "enabled": True, "quota": 5000, "forwards": [], "keeps_copy": True,
                "store": "", "hold": "", "schemes": ["SSHA256"], "app_passwords": [],
            },
            found.body,
        )  # fmt: skip
        changed = await self.expect(200, "PATCH", ALICE, {"enabled": False, "forwards": ["a@example.net"]})
        self.assertEqual((False, 5000, ["a@example.net"]),
                         tuple(changed.body[name] for name in ("enabled", "quota", "forwards")))  # fmt: skip
        removed = await self.expect(204, "DELETE", ALICE)
        self.assertEqual(b"", removed.content)
        gone = await self.expect(404, "GET", ALICE)
        self.assertEqual("application/problem+json", gone.headers["content-type"])
        self.assertEqual(("NONEXISTENT", 404), (gone.body["word"], gone.body["status"]))
        await self.expect(404, "DELETE", ALICE)

    async def test_history_names_the_token(self) -> None:
        """Each change is in the directory's history, with the token's name."""
        await self.expect(201, "PUT", ALICE, {})
        change = self.entries.history()[-1]
        self.assertEqual(("api:tests", account_key("alice@example.test")), (change.actor, change.key))

    async def test_put_again_changes_nothing(self) -> None:
        """The same said twice is no change, the password included."""
        said = {"password": "wonder", "quota": 1}
        made = await self.expect(201, "PUT", ALICE, said)
        version, kept = self.entries.last_version(), self.credential()
        again = await self.expect(200, "PUT", ALICE, said)
        self.assertEqual((made.body, made.headers["etag"]), (again.body, again.headers["etag"]))
        self.assertEqual((version, kept), (self.entries.last_version(), self.credential()))

    async def test_put_keeps_what_others_decide(self) -> None:
        """The password, the store and a hold stay where nothing is said of them; the rest is as for a new account."""
        await self.expect(
            201, "PUT", ALICE, {"password": "wonder", "quota": 1, "store": "s1", "hold": "moving"}
        )
        told = await self.expect(200, "PUT", ALICE, {})
        self.assertEqual((0, "s1", "moving"), (told.body["quota"], told.body["store"], told.body["hold"]))
        self.assertTrue(verify(b"wonder", self.credential().password_hash))
        told = await self.expect(200, "PATCH", ALICE, {"store": None, "hold": None, "quota": None})
        self.assertEqual(("", ""), (told.body["store"], told.body["hold"]))

    async def test_passwords(self) -> None:
        """A password is given in clear or hashed, never both, and never comes out."""
        await self.expect(201, "PUT", ALICE, {"password": "wonder"})
        before = (await self.ask("GET", ALICE)).headers["etag"]
        changed = await self.expect(200, "PATCH", ALICE, {"password": "land"})
        self.assertTrue(verify(b"land", self.credential().password_hash))
        self.assertNotEqual(before, changed.headers["etag"])
        await self.expect(200, "PATCH", ALICE, {"password_hash": "{PLAIN}open"})
        found = await self.ask("GET", ALICE)
        self.assertNotIn(b"open", found.content)
        self.assertEqual(["PLAIN"], found.body["schemes"])
        await self.expect(422, "PATCH", ALICE, {"password": "a", "password_hash": "{PLAIN}a"})
        await self.expect(422, "PATCH", ALICE, {"password": ""})
        await self.expect(422, "PATCH", ALICE, {"password_hash": "{NOSUCH}a"})
        self.assertEqual("{PLAIN}open", self.credential().password_hash)

    async def test_what_came_out_goes_in(self) -> None:
        """What was read can be put back as it is."""
        made = await self.expect(201, "PUT", ALICE, {"password": "wonder", "quota": 7})
        version = self.entries.last_version()
        await self.expect(200, "PUT", ALICE, made.body)
        self.assertEqual(version, self.entries.last_version())

    async def test_other_kinds(self) -> None:
        """Domains, aliases and grants are done the same way."""
        await self.expect(201, "PUT", "/v1/domains/example.org", {"catch_all": ["alice@example.test"]})
        alias = await self.expect(
            201, "PUT", "/v1/aliases/info@example.org", {"targets": ["alice@example.test"]}
        )
        self.assertEqual({"alias": "info@example.org", "targets": ["alice@example.test"]}, alias.body)
        await self.expect(201, "PUT", ALICE, {})
        grant = await self.expect(201, "PUT", "/v1/grants/alice@example.test/@example.org")
        self.assertEqual({"grant": "alice@example.test", "subject": "@example.org"}, grant.body)
        await self.expect(200, "GET", grant.headers["location"])
        await self.expect(409, "DELETE", "/v1/domains/example.org")
        await self.expect(204, "DELETE", "/v1/grants/alice@example.test/@example.org")
        await self.expect(204, "DELETE", "/v1/aliases/info@example.org")
        await self.expect(204, "DELETE", "/v1/domains/example.org")
        self.assertEqual([], self.entries.listing(Kind.GRANT))

    async def test_refusals(self) -> None:
        """What cannot be so is refused with a reason, and nothing is done."""
        await self.expect(201, "PUT", ALICE, {})
        version = self.entries.last_version()
        for path, body, code in (
            ("/v1/accounts/bob@example.com", {}, 422),
            ("/v1/accounts/no-address", {}, 422),
            ("/v1/aliases/alice@example.test", {"targets": ["bob@example.test"]}, 409),
            ("/v1/aliases/info@example.test", {"targets": []}, 422),
            ("/v1/aliases/info@example.test", {}, 422),
            ("/v1/domains/-", {}, 422),
            ('/v1/aliases/"info"@example.test', {"targets": ["alice@example.test"]}, 422),
            (ALICE, {"quota": "much"}, 422),
            (ALICE, {"quota": True}, 422),
            (ALICE, {"quota": -1}, 422),
            (ALICE, {"quota": 10**30}, 422),
            (ALICE, {"colour": "blue"}, 422),
            (ALICE, {"account": "bob@example.test"}, 422),
            (ALICE, {"forwards": ["nobody"]}, 422),
            (ALICE, {"forwards": [1]}, 422),
            (ALICE, {"keeps_copy": False}, 422),
            (ALICE, [], 422),
            (ALICE, b"{", 400),
            (ALICE, b'{"quota": NaN}', 400),
            (ALICE, b'{"store": "\\ud800"}', 400),
            (ALICE, b"\xff", 400),
            (ALICE, b"[" * 100_000, 400),
        ):
            found = await self.expect(code, "PUT", path, body)
            self.assertEqual(code, found.body["status"], path)
        self.assertEqual(version, self.entries.last_version())

    async def test_conditions(self) -> None:
        """A change can be made to depend on what was seen before."""
        await self.expect(412, "PUT", ALICE, {}, If_Match="*")
        made = await self.expect(201, "PUT", ALICE, {}, If_None_Match="*")
        await self.expect(412, "PUT", ALICE, {}, If_None_Match="*")
        first = made.headers["etag"]
        await self.expect(304, "GET", ALICE, If_None_Match=first)
        await self.expect(200, "PATCH", ALICE, {"quota": 1}, If_Match=f'"other", {first}')
        for method, body in (("PUT", {}), ("PATCH", {"quota": 2}), ("DELETE", None)):
            refused = await self.expect(412, method, ALICE, body, If_Match=first)
            self.assertEqual("CONFLICT", refused.body["word"])
        now = (await self.expect(200, "GET", ALICE, If_None_Match=first)).headers["etag"]
        await self.expect(204, "DELETE", ALICE, If_Match=now)

    async def test_listing(self) -> None:
        """All entries are found page by page, also of one domain or one account."""
        self.entries.add_domain("example.org")
        for number in range(5):
            await self.expect(201, "PUT", f"/v1/accounts/u{number}@example.test", {})
        await self.expect(201, "PUT", "/v1/accounts/v@example.org", {})
        seen: list[str] = []
        after: Any = ""
        while after is not None:
            page = (await self.expect(200, "GET", f"/v1/accounts?limit=2&after={after}")).body
            self.assertLessEqual(len(page["accounts"]), 2)
            seen += [one["account"] for one in page["accounts"]]
            after = page["next"]
        self.assertEqual([*(f"u{number}@example.test" for number in range(5)), "v@example.org"], seen)
        own = (await self.expect(200, "GET", "/v1/accounts?domain=Example.ORG")).body
        self.assertEqual(["v@example.org"], [one["account"] for one in own["accounts"]])
        for account, subject in (("u1", "a@example.net"), ("u1", "b@example.net"), ("u2", "a@example.net")):
            await self.expect(201, "PUT", f"/v1/grants/{account}@example.test/{subject}")
        grants = (await self.expect(200, "GET", "/v1/grants?account=u1@example.test")).body
        self.assertEqual(["a@example.net", "b@example.net"], [one["subject"] for one in grants["grants"]])
        self.assertIsNone(grants["next"])
        await self.expect(422, "GET", "/v1/accounts?limit=many")
        await self.expect(422, "GET", "/v1/accounts?colour=blue")

    async def test_letters(self) -> None:
        """Names with letters of other scripts work."""
        await self.expect(
            201, "PUT", "/v1/accounts/j%C3%B6rg@example.test", {"forwards": ["jörg@bücher.example"]}
        )
        found = await self.expect(200, "GET", "/v1/accounts/J%C3%96RG@example.test")
        self.assertEqual(["jörg@bücher.example"], found.body["forwards"])
        await self.expect(400, "GET", "/v1/accounts/%FF@example.test")


class FileTests(EntryTests):
    """The same over the directory in a file."""

    def make_directory(self) -> Any:
        """In a file."""
        return self.in_a_file()


class DatabaseTests(EntryTests):
    """The same over the directory in a database."""

    def make_directory(self) -> Any:
        """In a database."""
        return self.in_a_database()
