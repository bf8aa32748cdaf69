"""A delivery storm: clients that remember what was answered 250, and a look at what is there afterwards."""

from __future__ import annotations

import imaplib
import re
import smtplib
import socket
import threading
import time
from dataclasses import dataclass, field

NUMBER = re.compile(rb"X-Storm: ([\w.-]+)")


def arrival(name: str, recipient: str) -> str:
    """What is to arrive: a message, by its name, for a recipient; "" for the notice that its sender gets."""
    return f"{name} for {recipient or 'its sender'}"


@dataclass
class Storm:
    """Clients in threads, each sending one message after another until told to stop.

    Args:
        port: where they send.
        accounts: recipients.
        label: what the names of messages begin with.
        mixed: messages of one recipient and of three, small and large, and some that somebody refuses.

    Attributes:
        accepted: account to the names of messages that were answered 250.
        refused: replies other than 250 to the data, and lost connections; expected while things are killed.
    """

    port: int
    accounts: list[str]
    label: str
    clients: int = 6
    mixed: bool = False
    accepted: dict[str, set[str]] = field(default_factory=dict)
    refused: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.accepted = {account: set() for account in self.accounts}
        self._threads = [
            threading.Thread(target=self._send, args=(number,)) for number in range(self.clients)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, after the message each client is at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def count(self) -> int:
        """Messages answered 250 so far."""
        with self._lock:
            return sum(len(names) for names in self.accepted.values())

    def expected(self) -> set[str]:
        """What is to arrive of that: each message for each recipient, and notices of those who are refused."""
        with self._lock:
            return {
                arrival(name, "" if account.endswith("@refused.test") else account)
                for account, names in self.accepted.items()
                for name in names
            }

    def _send(self, client: int) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.port, "storm.test", timeout=10) as session:
                    for _ in range(20):
                        if self._stop.is_set():
                            return
                        number += 1
                        self._one(session, client, number)
            except (OSError, smtplib.SMTPException):
                with self._lock:
                    self.refused += 1
                time.sleep(0.05)

    def _one(self, session: smtplib.SMTP, client: int, number: int) -> None:
        accounts = [self.accounts[(client + number) % len(self.accounts)]]
        lines = number % 40
        if self.mixed and number % 5 == 0:
            accounts = [*self.accounts, "nobody@refused.test"]
        if self.mixed and number % 9 == 0:
            lines = 5000
        name = f"{self.label}-{client}-{number}"
        message = b"X-Storm: %s\r\nSubject: storm\r\n\r\n" % name.encode() + (b"x" * 70 + b"\r\n") * lines
        session.sendmail("storm@sender.test", accounts, message)
        with self._lock:
            for account in accounts:
                self.accepted.setdefault(account, set()).add(name)


def present(port: int, account: str, password: str) -> tuple[int, dict[int, str]]:
    """UIDVALIDITY, and the names of the messages in an INBOX by UID, as IMAP shows them."""
    client = imaplib.IMAP4("127.0.0.1", port, timeout=60)
    try:
        client.login(account, password)
        client.select("INBOX", readonly=True)
        validity = int(client.untagged_responses["UIDVALIDITY"][0])
        _, rows = client.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (X-STORM)])")
    finally:
        client.logout()
    found: dict[int, str] = {}
    for row in rows:
        if isinstance(row, tuple):
            uid = re.search(rb"UID (\d+)", row[0])
            name = NUMBER.search(row[1])
            if uid is None or name is None:
                raise AssertionError(f"an answer without UID or name: {row!r}")
            found[int(uid[1])] = name[1].decode()
    return validity, found


def wait_until_answers(port: int, seconds: float = 20.0) -> None:
    """Wait until a greeting comes from a port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as connection:
                if connection.recv(3):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"nothing greets on port {port} after {seconds} s")
