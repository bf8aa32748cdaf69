"""Tests of `mailframe.api.server`: who may, how much, and how it is said."""

from __future__ import annotations

import http.client
import socket
import time
from typing import Any

from twisted.internet.threads import deferToThread

from mailframe.api.options import APIOptions
from mailframe.api.tokens import FILE_LIMIT

from .serving import ServedCase

ALICE = "/v1/accounts/alice@example.test"


class ServerTests(ServedCase):
    """Requests that are refused before anything is done."""

    options = APIOptions(body_limit=2000, wrong_tokens=3, connections=4)

    async def test_tokens(self) -> None:
        """Nobody does anything without a right token."""
        missing = await self.expect(401, "GET", "/v1/domains", token="")
        self.assertEqual('Bearer realm="mailframe"', missing.headers["www-authenticate"])
        wrong = await self.expect(401, "GET", "/v1/domains", token="mft_wrong")
        self.assertIn("invalid_token", wrong.headers["www-authenticate"])
        self.assertNotIn(b"mft_wrong", wrong.content)
        await self.expect(401, "GET", "/v1/domains", token="", Authorization="Basic dGVzdHM6eA==")
        await self.expect(401, "GET", "/v1/nothing", token="")
        await self.expect(200, "GET", "/v1/domains", token="", Authorization=f"bearer {self.token}")

    async def test_wrong_tokens_are_bounded(self) -> None:
        """Who tries tokens is told to stop; right ones go on."""
        for _ in range(3):
            await self.expect(401, "GET", "/v1/domains", token="mft_wrong")
        refused = await self.expect(429, "GET", "/v1/domains", token="mft_wrong")
        self.assertEqual("60", refused.headers["retry-after"])
        await self.expect(200, "GET", "/v1/domains")

    async def test_scopes(self) -> None:
        """A token is good for what it was made for."""
        token = self.file.add("accounts", ["accounts:read", "domains:write"])
        await self.expect(200, "GET", "/v1/accounts", token=token)
        await self.expect(201, "PUT", "/v1/domains/example.org", {}, token=token)
        for method, path, body in (("PUT", ALICE, {}), ("DELETE", ALICE, None), ("GET", "/v1/aliases", None),
                                   ("GET", "/v1/changes", None),
                                   ("GET", f"{ALICE}/app-passwords", None)):  # fmt: skip
            refused = await self.expect(403, method, path, body, token=token)
            self.assertEqual("NOPERM", refused.body["word"])
            self.assertIn("insufficient_scope", refused.headers["www-authenticate"])
        self.file.remove("accounts")
        await self.expect(401, "GET", "/v1/accounts", token=token)

    async def test_domains(self) -> None:
        """A token for some domains is for nothing else, and gives nothing away to others."""
        self.entries.add_domain("example.org")
        await self.expect(201, "PUT", ALICE, {})
        await self.expect(201, "PUT", "/v1/accounts/bob@example.org", {})
        version = self.entries.last_version()
        token = self.file.add("shop", ["write"], domains=["Example.ORG"])
        for method, path, body in (
            ("GET", ALICE, None), ("PUT", ALICE, {}), ("DELETE", ALICE, None), ("GET", "/v1/accounts", None),
            ("PUT", '/v1/aliases/"x@example.test"', {"targets": []}),
            ("GET", "/v1/accounts?domain=example.test", None), ("GET", "/v1/grants", None),
            ("GET", "/v1/grants?account=alice@example.test", None), ("PUT", "/v1/domains/example.net", {}),
            ("DELETE", "/v1/domains/example.test", None), ("GET", f"{ALICE}/app-passwords", None),
            ("PUT", "/v1/grants/bob@example.org/alice@example.test", None),
            ("PUT", "/v1/grants/bob@example.org/@example.test", None),
            ("PUT", "/v1/domains/example.org", {"alias_of": "example.test"}),
            ("POST", "/v1/bulk", {"edits": [{"put": {"account": "carla@example.test"}}]}),
            ("POST", "/v1/bulk", {"edits": [{"remove": {"account": "alice@example.test"}}]}),
            ("POST", "/v1/bulk", {"edits": [{"put": {"grant": "bob@example.org", "subject": "@example.test"}}]}),
        ):  # fmt: skip
            refused = await self.expect(403, method, path, body, token=token)
            self.assertEqual("NOPERM", refused.body["word"], path)
        self.assertEqual(version, self.entries.last_version())
        told = await self.expect(200, "GET", "/v1/changes?since=0", token=token)
        self.assertEqual({"example.org", "bob@example.org"}, {one["name"] for one in told.body["changes"]})
        self.assertEqual(version, told.body["version"])
        await self.expect(201, "PUT", "/v1/accounts/carla@example.org", {}, token=token)
        await self.expect(201, "PUT", "/v1/grants/bob@example.org/carla@example.org", token=token)
        listed = await self.expect(200, "GET", "/v1/accounts?domain=example.org", token=token)
        self.assertEqual(2, len(listed.body["accounts"]))

    async def test_broken_tokens(self) -> None:
        """While the file of tokens cannot be read, nobody is let in, and told to come again."""
        with open(self.file.path, "w") as file:
            file.write(" " * FILE_LIMIT)
        refused = await self.expect(503, "GET", "/v1/domains")
        self.assertEqual("5", refused.headers["retry-after"])

    async def test_no_such_thing(self) -> None:
        """What is not there is said, and what can be done is."""
        for path in ("/", "/v1", "/v2/domains", "/v1/domains/a/b", "/v1//domains", ALICE + "/"):
            await self.expect(404, "GET", path)
        refused = await self.expect(405, "POST", ALICE, {})
        self.assertEqual({"GET", "PUT", "PATCH", "DELETE"}, set(refused.headers["allow"].split(", ")))
        await self.expect(405, "FROB", ALICE)

    async def test_body_limit(self) -> None:
        """A body that is too large is refused, whether its length is said or not."""
        large = {"hold": "x" * 3000}
        refused = await self.expect(413, "PUT", ALICE, large)
        self.assertEqual("close", refused.headers["connection"])
        chunk = b"800\r\n" + b" " * 0x800 + b"\r\n"
        head = f"PUT {ALICE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n"
        answer = await self.raw(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        endless = await self.raw(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 40)
        self.assertEqual(b"", endless)
        self.assertIsNone(self.entries.entry(("account", "alice@example.test")))

    async def test_head(self) -> None:
        """HEAD is answered as GET, without a body."""
        await self.expect(201, "PUT", ALICE, {})
        found = await self.expect(200, "HEAD", ALICE)
        self.assertEqual(b"", found.content)
        self.assertIn("etag", found.headers)

    async def test_forms_are_no_bodies(self) -> None:
        """What a web page of somebody else can send does nothing: it is no JSON, and has no token."""
        kind = "multipart/form-data; boundary=x"
        await self.expect(400, "POST", "/v1/bulk", b"--x\r\nbroken", Content_Type=kind)
        found = await self.expect(200, "GET", "/v1/domains")
        self.assertNotIn("access-control-allow-origin", found.headers)

    async def test_faults_say_nothing(self) -> None:
        """What nobody foresaw is logged here, and not told there."""

        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("secret of the house")

        self.patch(self.entries, "listing", broken)
        found = await self.expect(500, "GET", "/v1/domains")
        self.assertNotIn(b"secret", found.content)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    async def test_client_goes_away(self) -> None:
        """Who does not wait for the answer is not waited for."""
        version = self.entries.last_version()
        head = f"GET /v1/changes?since={version}&wait=60 HTTP/1.1\r\nHost: x\r\n"
        await self.raw(f"{head}Authorization: Bearer {self.token}\r\n\r\n".encode(), wait=0.3)
        await self.expect(200, "GET", "/v1/domains")
        self.assertEqual(set(), self.factory.busy)

    async def test_strangers_fill_nothing(self) -> None:
        """What strangers send is thrown away, and there is no end to it that we would wait for."""
        head = b"PUT /v1/domains/a.test HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"800\r\n" + b" " * 0x800 + b"\r\n"
        answer = await self.raw(head + b"2\r\n{}\r\n0\r\n\r\n", wait=0.5)
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer)
        self.assertEqual(b"", await self.raw(head + chunk * 40))

    async def test_connections_are_bounded(self) -> None:
        """Too many connections are cut, the others go on; when some have ended there is room again."""
        held = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(4)]
        try:
            with self.assertRaises((ConnectionError, http.client.HTTPException)):
                await self.ask("GET", "/v1/domains")
        finally:
            for one in held:
                one.close()
        for _ in range(100):
            if not self.factory.open:
                break
            await deferToThread(time.sleep, 0.02)
        await self.expect(200, "GET", "/v1/domains")

    async def test_leaving(self) -> None:
        """When the node stops, answers are the last on their connections."""
        self.factory.leave()
        found = await self.expect(200, "GET", "/v1/domains")
        self.assertEqual("close", found.headers["connection"])

    async def raw(self, octets: bytes, wait: float = 10.0) -> bytes:
        """What comes back for octets, until the connection ends or it is enough."""

        def talk() -> bytes:
            found = b""
            with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
                try:
                    connection.sendall(octets)
                    while piece := connection.recv(4096):
                        found += piece
                except OSError:
                    pass
            return found

        answer: bytes = await deferToThread(talk)
        return answer
