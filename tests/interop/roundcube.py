"""A Roundcube of our own on loopback: Debian's, with its own settings and database, served by PHP itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.ports import free_port

from .service import node, program

PAGES = "/var/lib/roundcube/public_html"
DEFAULTS = Path("/etc/roundcube")


class Roundcube:
    """One instance, which knows our node only.

    Args:
        base: an empty directory.

    Attributes:
        address: of its first page.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write its settings, and serve."""
        settings = self._base / "config"
        for directory in (settings, self._base / "log", self._base / "temp"):
            directory.mkdir()
        for name in ("defaults.inc.php", "mimetypes.php"):
            shutil.copy(DEFAULTS / name, settings)
        (settings / "config.inc.php").write_text(self._settings())
        self._server = subprocess.Popen(
            [program("php"), "-S", f"127.0.0.1:{self._port}", "-t", PAGES],
            env={**os.environ, "ROUNDCUBE_CONFIG_DIR": f"{settings}/", "PHP_CLI_SERVER_WORKERS": "3"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.address, timeout=10) as page:
                    if b"rcmloginuser" in page.read():
                        return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        raise AssertionError(f"Roundcube does not answer:\n{self.errors()}")

    def stop(self) -> None:
        """Stop it and what it started."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(30)
            self._server = None

    def errors(self) -> str:
        """What it has complained of."""
        logs = (self._base / "log").iterdir()
        return "".join(log.read_text(errors="replace")[-3000:] for log in logs)

    def _settings(self) -> str:
        ports = node().ports
        tls = f"['ssl' => ['verify_peer' => true, 'cafile' => '{node().certificate}', 'peer_name' => 'localhost']]"
        folders = "".join(
            f"$config['{name.lower()}_mbox'] = '{name}';\n" for name in ("Drafts", "Junk", "Sent", "Trash")
        )
        return (
            "<?php\n$config = [];\n"
            f"$config['db_dsnw'] = 'sqlite:///{self._base}/db.sqlite?mode=0600';\n"
            f"$config['imap_host'] = 'ssl://localhost:{ports['imaps']}';\n$config['imap_conn_options'] = {tls};\n"
            f"$config['smtp_host'] = 'ssl://localhost:{ports['submissions']}';\n$config['smtp_conn_options'] = {tls};\n"
            "$config['smtp_user'] = '%u';\n$config['smtp_pass'] = '%p';\n$config['des_key'] = 'abcdefghijklmnopqrstuvwx';\n"
            f"$config['log_dir'] = '{self._base}/log/';\n$config['temp_dir'] = '{self._base}/temp/';\n"
            "$config['skin'] = 'elastic';\n$config['plugins'] = [];\n$config['language'] = 'en_US';\n"
            "$config['htmleditor'] = 0;\n$config['draft_autosave'] = 0;\n$config['search_mods'] = ['*' => ['text' => 1]];\n"
            f"{folders}"
        )
