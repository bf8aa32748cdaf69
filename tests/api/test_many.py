"""Tests of `mailframe.api.bulk`, `mailframe.api.changes` and `mailframe.api.app_passwords` by real HTTP."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from mailframe.api.bulk import EDITS_LIMIT
from mailframe.api.options import APIOptions
from mailframe.directory.entries import Kind, account_key
from mailframe.directory.passwords import verify

from .serving import ServedCase

ALICE = "/v1/accounts/alice@example.test"


class BulkTests(ServedCase):
    """Many edits at once."""

    async def test_all(self) -> None:
        """Edits are done in order; the later see what the earlier did."""
        edits = [
            {"put": {"domain": "example.org"}},
            {"put": {"account": "alice@example.org", "password": "wonder"}},
            {"put": {"account": "Alice@example.org", "quota": 5}},
            {"put": {"alias": "info@example.org", "targets": ["alice@example.org"]}},
            {"put": {"grant": "alice@example.org", "subject": "@example.org"}},
            {"remove": {"grant": "alice@example.org", "subject": "@example.org"}},
            {"put": {"domain": "example.test"}},
            {"remove": {"alias": "info@example.org"}},
        ]
        found = await self.expect(200, "POST", "/v1/bulk", {"edits": edits})
        self.assertEqual(
            ["added", "added", "changed", "added", "added", "removed", "unchanged", "removed"],
            found.body["outcomes"],
        )
        account = self.entries.entry(account_key("alice@example.org"))
        self.assertEqual(5, account.account.quota)
        self.assertTrue(verify(b"wonder", account.password_hash))

    async def test_somebody_is_faster(self) -> None:
        """What changed while a request was prepared is looked at again."""
        self.entries.add_account("alice@example.test", "{PLAIN}old")
        look, looked = self.entries.entry, list[Any]()

        def seen(key: Any) -> Any:
            found = look(key)
            if not looked:
                looked.append(key)
                self.entries.set_quota("alice@example.test", 9)
            return found

        self.patch(self.entries, "entry", seen)
        body = {"edits": [{"put": {"account": "alice@example.test", "store": "s1", "quota": 9}}]}
        found = await self.expect(200, "POST", "/v1/bulk", body)
        self.assertEqual(["changed"], found.body["outcomes"])
        account = look(account_key("alice@example.test")).account
        self.assertEqual((9, "s1"), (account.quota, account.store))

    async def test_somebody_added_it(self) -> None:
        """What somebody else adds while a request is prepared is changed instead."""
        look, looked = self.entries.entry, list[Any]()

        def seen(key: Any) -> Any:
            found = look(key)
            if not looked:
                looked.append(key)
                self.entries.add_account("alice@example.test", "{PLAIN}old")
            return found

        self.patch(self.entries, "entry", seen)
        body = {"edits": [{"put": {"account": "alice@example.test", "quota": 9}}]}
        found = await self.expect(200, "POST", "/v1/bulk", body)
        self.assertEqual(["changed"], found.body["outcomes"])
        self.assertEqual("{PLAIN}old", look(account_key("alice@example.test")).password_hash)
        looked.clear()
        self.entries.remove_account("alice@example.test")
        looked.clear()
        await self.expect(200, "PUT", ALICE, {"quota": 9})
        self.assertEqual("{PLAIN}old", look(account_key("alice@example.test")).password_hash)

    async def test_none(self) -> None:
        """Where one cannot be done none is, and which one is said."""
        version = self.entries.last_version()
        good = {"put": {"domain": "example.org"}}
        for bad, code in (
            ({"put": {"account": "a@example.com"}}, 422),
            ({"put": {"account": "a@example.org", "quota": "x"}}, 422),
            ({"remove": {"domain": "example.net"}}, 422),
            ({"remove": {"domain": "example.org", "alias_of": ""}}, 422),
            ({"put": {"grant": "alice@example.test"}}, 422),
            ({"put": {}}, 422),
            ({"put": {"domain": "a.test", "account": "a@a.test"}}, 422),
            ({"put": []}, 422),
            ({"drop": {"domain": "example.org"}}, 422),
            ([], 422),
        ):
            found = await self.expect(code, "POST", "/v1/bulk", {"edits": [good, bad]})
            self.assertEqual(1, found.body["edit"], bad)
        for body in ([], {"edits": {}}, {"edits": [], "x": 1}, {"edits": [good] * (EDITS_LIMIT + 1)},
                     {"edits": [{"put": {"account": "a@example.test", "password": "x"}}] * 101}):  # fmt: skip
            await self.expect(422, "POST", "/v1/bulk", body)
        self.assertEqual(version, self.entries.last_version())

    async def test_dry_run(self) -> None:
        """It is told what would come of it."""
        edits = [{"put": {"domain": "example.org"}}, {"put": {"account": "alice@example.org"}}]
        found = await self.expect(200, "POST", "/v1/bulk", {"edits": edits, "dry_run": True})
        self.assertEqual({"outcomes": ["added", "added"], "dry_run": True}, found.body)
        self.assertEqual(["example.test"], self.entries.domains())

    async def test_scopes(self) -> None:
        """The token must be for each edit."""
        token = self.file.add("accounts", ["accounts:write"])
        edits: list[Any] = [
            {"put": {"account": "alice@example.test"}},
            {"remove": {"domain": "example.test"}},
        ]
        refused = await self.expect(403, "POST", "/v1/bulk", {"edits": edits}, token=token)
        self.assertEqual(1, refused.body["edit"])
        await self.expect(200, "POST", "/v1/bulk", {"edits": edits[:1]}, token=token)

    async def test_at_the_same_time(self) -> None:
        """Clients that change one account at the same time lose nothing of each other's."""
        await self.expect(201, "PUT", ALICE, {})
        changes = [{"quota": 7}, {"store": "s1"}, {"enabled": False}, {"forwards": ["a@example.net"]}]
        asked = [Deferred.fromCoroutine(self.ask("PATCH", ALICE, change)) for change in changes]
        self.assertEqual([200] * 4, [one.code for one in await gatherResults(asked)])
        found = (await self.ask("GET", ALICE)).body
        self.assertEqual((7, "s1", False, ["a@example.net"]),
                         tuple(found[name] for name in ("quota", "store", "enabled", "forwards")))  # fmt: skip


class FileBulkTests(BulkTests):
    """The same over the directory in a file."""

    def make_directory(self) -> Any:
        """In a file."""
        return self.in_a_file()


class DatabaseBulkTests(BulkTests):
    """The same over the directory in a database."""

    def make_directory(self) -> Any:
        """In a database."""
        return self.in_a_database()


class ChangesTests(ServedCase):
    """The directory can be followed."""

    options = APIOptions(waiting=1)

    async def changes(self, query: str = "") -> Any:
        """What is told."""
        return (await self.expect(200, "GET", f"/v1/changes{query}")).body

    async def test_follow(self) -> None:
        """From any version on, all changes are told in order, page by page."""
        begin = (await self.changes())["version"]
        self.assertEqual(begin, self.entries.last_version())
        await self.expect(201, "PUT", ALICE, {"password": "wonder"})
        await self.expect(200, "PATCH", ALICE, {"quota": 5})
        await self.expect(204, "DELETE", ALICE)
        seen, since, more = [], begin, True
        while more:
            page = await self.changes(f"?since={since}&limit=2")
            seen += page["changes"]
            since, more = page["version"], page["more"]
        self.assertEqual(["added", "changed", "removed"], [one["outcome"] for one in seen])
        self.assertEqual({("account", "alice@example.test", "api:tests")},
                         {(one["kind"], one["name"], one["actor"]) for one in seen})  # fmt: skip
        self.assertEqual("quota 0 -> 5", seen[1]["what"])
        self.assertEqual(
            {"changes": [], "version": since, "more": False}, await self.changes(f"?since={since}")
        )

    async def test_forgotten(self) -> None:
        """A version that is not known any more, or not yet, is told so."""
        gone = await self.expect(410, "GET", "/v1/changes?since=1000000")
        self.assertEqual(self.entries.last_version(), gone.body["version"])
        whole = self.entries.history
        self.patch(
            self.entries, "history", lambda since=0, limit=1000, key=None: whole(max(since, 1), limit, key)
        )
        await self.expect(201, "PUT", ALICE, {})
        await self.expect(410, "GET", "/v1/changes?since=0")
        await self.expect(200, "GET", "/v1/changes?since=1")
        await self.expect(422, "GET", "/v1/changes?since=-1")

    async def test_wait(self) -> None:
        """Who waits is told as soon as there is something, whoever changed it; too many do not wait."""
        version = self.entries.last_version()
        waiting = Deferred.fromCoroutine(self.ask("GET", f"/v1/changes?since={version}&wait=20"))
        await deferToThread(time.sleep, 0.2)
        self.assertFalse(waiting.called)
        refused = await self.expect(503, "GET", f"/v1/changes?since={version}&wait=20")
        self.assertIn("retry-after", refused.headers)
        begun = time.monotonic()
        await self.expect(201, "PUT", ALICE, {})
        told = (await waiting).body
        self.assertEqual(["alice@example.test"], [one["name"] for one in told["changes"]])
        waiting = Deferred.fromCoroutine(self.ask("GET", f"/v1/changes?since={told['version']}&wait=20"))
        await deferToThread(time.sleep, 0.1)
        # As a command does, in another process.
        self.entries.add_domain("example.org")
        told = (await waiting).body
        self.assertEqual(["example.org"], [one["name"] for one in told["changes"]])
        self.assertLess(time.monotonic() - begun, 10)

    async def test_wait_in_vain(self) -> None:
        """A wait ends after its time, and when the node stops."""
        version = self.entries.last_version()
        nothing = {"changes": [], "version": version, "more": False}
        self.assertEqual(nothing, await self.changes(f"?since={version}&wait=1"))
        waiting = Deferred.fromCoroutine(self.changes(f"?since={version}&wait=60"))
        await deferToThread(time.sleep, 0.2)
        self.factory.leave()
        self.assertEqual(nothing, await waiting)


class AppPasswordTests(ServedCase):
    """App passwords are made, listed and taken back."""

    path = f"{ALICE}/app-passwords"

    async def test_life(self) -> None:
        """An app password is told once, lets in, and is taken back."""
        await self.expect(201, "PUT", ALICE, {})
        made = (await self.expect(201, "POST", self.path, {"label": "telephone", "scopes": ["imap"]})).body
        (kept,) = self.entries.entry(account_key("alice@example.test")).app_passwords
        self.assertTrue(verify(made["password"].encode(), kept.password_hash))
        listed = (await self.expect(200, "GET", self.path)).body["app_passwords"]
        del made["password"]
        self.assertEqual([made], listed)
        self.assertEqual(
            ("telephone", ["imap"], 0), tuple(made[name] for name in ("label", "scopes", "expires"))
        )
        account = (await self.expect(200, "GET", ALICE)).body
        self.assertEqual([made], account["app_passwords"])
        await self.expect(200, "PUT", ALICE, account)
        await self.expect(204, "DELETE", f"{self.path}/{made['identifier']}")
        await self.expect(404, "DELETE", f"{self.path}/{made['identifier']}")
        self.assertEqual([], (await self.ask("GET", self.path)).body["app_passwords"])

    async def test_refusals(self) -> None:
        """There is none without a label, for an unknown protocol, or of nobody."""
        await self.expect(404, "POST", self.path, {"label": "x"})
        await self.expect(404, "GET", self.path)
        await self.expect(201, "PUT", ALICE, {})
        for body in ({}, {"label": ""}, {"label": "x", "scopes": ["ftp"]}, {"label": "x", "scopes": [[]]},
                     {"label": "x", "expires": -1}, {"label": "x" * 300}, []):  # fmt: skip
            await self.expect(422, "POST", self.path, body)
        self.assertEqual((), self.entries.listing(Kind.ACCOUNT)[0].app_passwords)


class DatabaseChangesTests(ChangesTests):
    """The same over the directory in a database."""

    def make_directory(self) -> Any:
        """In a database."""
        return self.in_a_database()
