"""The API of a whole node: one worker serves it, by TLS too, and what it changes is active everywhere."""

from __future__ import annotations

import http.client
import imaplib
import json
import os
import shutil
import signal
import ssl
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from twisted.trial.unittest import TestCase

from mailframe.api.tokens import TokenFile
from tests.ports import free_ports

from .harness import Node

ALICE = "alice@example.test"
CARLA = "carla@example.test"


class APITests(TestCase):
    """Programs administer a running node."""

    def setUp(self) -> None:
        """It serves."""
        base = tempfile.mkdtemp(prefix="mailframe-api-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.clear, self.tls = free_ports(2)
        listen = [f"tcp:{self.clear}:interface=127.0.0.1", f"ssl:{self.tls}:interface=127.0.0.1"]
        extra = {"api": [f"listen = {json.dumps(listen)}"], "node": ['drain_time = "2s"']}
        self.node = Node(base, accounts={ALICE: "wonder"}, roles=("store",), workers=2, extra=extra)
        self.addCleanup(self.node.stop)
        self.node.start()
        self.token = TokenFile(str(self.node.data / "api-tokens.json")).add("tests", ["write"])

    def ask(self, method: str, path: str, body: Any = None, tls: bool = False) -> tuple[int, Any]:
        """One request."""
        connection: http.client.HTTPConnection
        if tls:
            context = ssl.create_default_context(cafile=str(self.node.certificate))
            connection = http.client.HTTPSConnection("127.0.0.1", self.tls, timeout=20, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.clear, timeout=20)
        try:
            connection.request(method, path, json.dumps(body), {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(content) if content else None

    def logs_in(self, name: str, password: str) -> bool:
        """Can it, by IMAP?"""
        client = imaplib.IMAP4("127.0.0.1", self.node.ports["imap"], timeout=20)
        try:
            client.login(name, password)
        except imaplib.IMAP4.error:
            return False
        finally:
            client.shutdown()
        return True

    def soon(self, name: str, password: str, wanted: bool) -> None:
        """Within some seconds a login is let in, or not, by every worker."""
        deadline = time.monotonic() + 10
        while [self.logs_in(name, password) for _ in range(4)] != [wanted] * 4:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def test_node(self) -> None:
        """Accounts are made and shut while it runs, over a reload and over the death of the worker that serves."""
        self.assertEqual((200, "3.1.0"), self.look(self.ask("GET", "/v1/openapi.json", tls=True)))
        code, made = self.ask("PUT", f"/v1/accounts/{CARLA}", {"password": "geheim-12"}, tls=True)
        self.assertEqual((201, CARLA), (code, made["account"]))
        self.soon(CARLA, "geheim-12", True)
        self.assertEqual(200, self.ask("PATCH", f"/v1/accounts/{CARLA}", {"enabled": False})[0])
        self.soon(CARLA, "geheim-12", False)
        self.assertEqual({0: 1, 1: 0}, self.served())

        self.node.ask("reload")
        self.assertEqual(200, self.ask("PATCH", f"/v1/accounts/{CARLA}", {"enabled": True})[0])
        self.soon(CARLA, "geheim-12", True)

        newest = max(self.node.ask("status")["workers"], key=lambda one: (one["generation"], -one["number"]))
        os.kill(newest["pid"], signal.SIGKILL)
        # The socket is the parent's: who connects meanwhile waits for the next worker.
        code, found = self.ask("GET", f"/v1/accounts/{CARLA}")
        self.assertEqual((200, True), (code, found["enabled"]))
        actors = {one["actor"] for one in self.ask("GET", "/v1/changes?since=0")[1]["changes"]}
        self.assertIn("api:tests", actors)
        self.node.wait_for_line(f"api: PATCH /v1/accounts/{CARLA} is answered with 200")
        self.assertNotIn(self.token, self.node.log.read_text())
        self.assertNotIn("geheim-12", self.node.log.read_text())

    def test_reload_and_stop(self) -> None:
        """A reload takes the API away and brings it back; a stop answers those who wait for changes, and soon."""
        text = self.node.text()
        begin = text.index("[api]")
        self.node.write_configuration(text[:begin])
        self.node.ask("reload")
        deadline = time.monotonic() + 10
        while self.answers():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.node.write_configuration(text)
        self.node.ask("reload")
        version = self.ask("GET", "/v1/changes")[1]["version"]
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(self.ask, "GET", f"/v1/changes?since={version}&wait=60")
            time.sleep(0.5)
            begun = time.monotonic()
            self.assertEqual(-signal.SIGTERM, self.node.stop())
            self.assertLess(time.monotonic() - begun, 5)
            self.assertEqual((200, []), (waiting.result()[0], waiting.result()[1]["changes"]))

    def answers(self) -> bool:
        """Does anybody listen?"""
        try:
            self.ask("GET", "/v1/openapi.json")
        except OSError:
            return False
        return True

    def look(self, answered: tuple[int, Any]) -> tuple[int, Any]:
        """The code and the version of the document."""
        return answered[0], answered[1]["openapi"]

    def served(self) -> dict[int, int]:
        """How many workers serve the API, by number."""
        workers = self.node.ask("status")["workers"]
        return {one["number"]: int("api" in one["sessions"]) for one in workers}
