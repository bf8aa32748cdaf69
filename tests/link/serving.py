"""A process that serves a directory in a file over a link: ``python -m tests.link.serving FILE PORT KEY``."""

from __future__ import annotations

import sys
from typing import Any, cast

from twisted.internet import reactor as installed

from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.link.directories import NAME, DirectoryService
from mailframe.link.server import LinkServerFactory
from mailframe.message.networks import Networks


def main(path: str, port: str, key: str) -> None:
    """Serve until killed; says so when it listens."""
    reactor = cast(Any, installed)
    directory = SQLiteDirectory(path, reactor)
    services = {NAME: lambda: cast(Any, DirectoryService(directory))}
    factory = LinkServerFactory(key, services, Networks(["127.0.0.0/8"]), reactor)
    listening = reactor.listenTCP(int(port), cast(Any, factory), interface="127.0.0.1")
    print(listening.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
