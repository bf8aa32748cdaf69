"""Tests of ``mailframe status`` and ``reload``."""

from __future__ import annotations

import json
from typing import Any

from .runner import CommandTestCase
from .servers import Server, control

STATUS = {
    "ok": True,
    "state": "running",
    "pid": 4711,
    "uptime": 93784.5,
    "configuration": "/srv/mail/mailframe.toml",
    "generation": 2,
    "roles": ["mx", "store"],
    "listeners": [{"address": "tcp:25", "bound_to": "0.0.0.0:25"}],
    "status_page": "http://127.0.0.1:2580/",
    "workers": [
        {
            "pid": 4712,
            "generation": 2,
            "number": 0,
            "state": "ready",
            "uptime": 61.0,
            "sessions": {"mx": 3},
            "processor_seconds": 1.25,
            "memory_peak_octets": 50_000_000,
        },
        {
            "pid": 4713,
            "generation": 2,
            "number": 1,
            "state": "starting",
            "uptime": 0.1,
            "sessions": {},
            "processor_seconds": None,
            "memory_peak_octets": None,
        },
    ],
    "figures": {"messages [accepted]": 12345.0, "seconds": 0.25},
}


class ControlTests(CommandTestCase):
    """Commands ask the node over its control socket."""

    def setUp(self) -> None:
        """A configuration with only a control socket; the rest of it is being changed."""
        super().setUp()
        self.config.parent.mkdir()
        self.socket = self.config.parent / "c"
        self.config.write_text(f'[node]\ncontrol = "{self.socket}"\n[nonsense]\n')

    def serve(self, **answers: Any) -> Server:
        """A node with these answers."""
        # A path in trial's directory may be too long for a socket; the client and this know the way round.
        from mailframe.node.control_client import usable_path

        with usable_path(str(self.socket)) as path:
            server = control(path, answers)
        self.addCleanup(server.stop)
        return server

    def test_status(self) -> None:
        """People get tables, programs get everything."""
        self.serve(status=STATUS)
        text = self.on_service("status").stdout
        for words in (
            "running since 1d 2h",
            "mx, store",
            "tcp:25",
            "2.0",
            "mx 3",
            "1.2 s",
            "50 MB",
            "12,345",
        ):
            self.assertIn(words, text)
        self.assertIn("messages [accepted]", text)
        told = json.loads(self.on_service("status", "--json").stdout)
        self.assertEqual(4711, told["pid"])

    def test_reload(self) -> None:
        """A reload says which generation serves."""
        self.serve(reload={"ok": True, "generation": 3})
        self.assertIn("generation 3 serves", self.on_service("reload").stdout)
        self.assertEqual(3, self.json_of("reload")["generation"])

    def test_refused(self) -> None:
        """A configuration that is wrong is told line by line, and that nothing changed."""
        self.serve(reload={"ok": False, "errors": ["f:1: [node] x: wrong", "f:2: [log] y: wrong"]})
        result = self.on_service("reload", code=1)
        self.assertEqual("f:1: [node] x: wrong\nf:2: [log] y: wrong\nNothing was changed.\n", result.stderr)

    def test_not_running(self) -> None:
        """Without a node the exit code is 3, and it is said how to start one."""
        for command in ("status", "reload"):
            result = self.on_service(command, code=3)
            self.assertIn("twistd -n mailframe --config", result.stderr)
