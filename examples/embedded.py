"""A Twisted program of your own with an exchanger and mailboxes inside: no configuration file, no command.

    python examples/embedded.py 2525 2143

takes mail for alice@example.test by SMTP on the first port and gives it out by IMAP on the second, from memory.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.logger import globalLogBeginner, textFileLogObserver

from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.memory import MemoryDirectory
from mailframe.filters.trace import TraceFilter
from mailframe.imap.settings import IMAPSettings
from mailframe.imap.wire.description import describe
from mailframe.roles.collaborators import Collaborators
from mailframe.roles.listening import Listener
from mailframe.roles.mx import MXRole
from mailframe.roles.store import StoreRole
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.memory import MemoryStore


def make_service(reactor: Any, smtp_port: int, imap_port: int, password: str) -> MultiService:
    """Two roles over one store, in one process: they need no protocol between them."""
    directory = MemoryDirectory(["example.test"], {"alice@example.test": password})
    store = MemoryStore(describe)
    authenticator = PasswordAuthenticator(directory, reactor)
    mx = MXRole(
        [Listener(TCP4ServerEndpoint(reactor, smtp_port, interface="127.0.0.1"))],
        store,
        directory,
        reactor,
        SMTPSettings(hostname="mx.example.test"),
        filters=[TraceFilter("mx.example.test", reactor)],
    )
    mailboxes = StoreRole(
        store,
        directory,
        authenticator,
        reactor,
        imap=[Listener(TCP4ServerEndpoint(reactor, imap_port, interface="127.0.0.1"))],
        imap_settings=IMAPSettings(require_tls_for_auth=False),
    )
    together = MultiService()
    # Roles start what they share; they do not stop it, because others may use it still.
    parts: list[Service] = [Collaborators(directory, authenticator, store), mx, mailboxes]
    for part in parts:
        part.setServiceParent(together)
    return together


def main(reactor: Any, smtp_port: str, imap_port: str) -> Deferred[None]:
    """Start, and run until Ctrl-C."""
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)])
    service = make_service(reactor, int(smtp_port), int(imap_port), "wonderland")
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    return Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
