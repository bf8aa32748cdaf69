"""POP3 sessions that fetch a hundred messages: Mailframe beside Dovecot, in alternation in one run.

    python benchmarks/pop3.py [--rounds 3] [--sessions 60] [--messages 100] [--only NAME ...] [--json FILE]

A session logs in, asks STAT, UIDL and LIST, fetches all messages of 4 KB and says QUIT; nothing is removed. ``lockstep``
waits for each answer, ``pipelined`` sends all RETRs at once (RFC 2449). Four clients in four accounts. Figures are
sessions a second, and milliseconds of processor time a session. ``dovecot maildir`` is Debian's default, where each
session has processes of its own, ``dovecot maildir fast`` its high-performance login mode. Needs root and Debian's
Dovecot.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import peers
import sessions
import stores
from mailboxes import ACCOUNTS, client, message

NAMES = [
    "mailframe maildir",
    "dovecot maildir",
    "dovecot maildir fast",
    "mailframe sqlite",
    "dovecot mdbox",
    "dovecot mdbox fast",
]
LIKE = {"mailframe maildir": "maildir", "mailframe sqlite": "mdbox"}
CLIENTS = 4


def fetch(connection: Any, messages: int, pipelined: bool) -> None:
    """One session."""
    name = ACCOUNTS[os.getpid() % CLIENTS]
    sessions.until(connection, b"\r\n")
    for line in (f"USER {name}@{peers.DOMAIN}", f"PASS {stores.PASSWORD}", "STAT"):
        connection.sendall(line.encode() + b"\r\n")
        said = sessions.until(connection, b"\r\n")
        if not said.startswith(b"+OK"):
            raise RuntimeError(said.decode())
    for line in (b"UIDL\r\n", b"LIST\r\n"):
        connection.sendall(line)
        sessions.until(connection, b"\r\n.\r\n")
    if pipelined:
        connection.sendall(b"".join([b"RETR %d\r\n" % number for number in range(1, messages + 1)]) + b"QUIT\r\n")
        ends = 0
        tail = b""
        while ends < messages:
            piece = connection.recv(1 << 18)
            if not piece:
                raise RuntimeError("the connection was closed")
            ends += (tail + piece).count(b"\r\n.\r\n") - tail.count(b"\r\n.\r\n")
            tail = (tail + piece)[-4:]
        return
    for number in range(1, messages + 1):
        connection.sendall(b"RETR %d\r\n" % number)
        sessions.until(connection, b"\r\n.\r\n")
    connection.sendall(b"QUIT\r\n")
    sessions.until(connection, b"\r\n")


def fill(store: stores.Store, messages: int) -> None:
    """A hundred messages for each account."""
    store.start(careless=True)
    for name in ACCOUNTS[:CLIENTS]:
        one = client(store, name)
        one.append("INBOX", [message(number) for number in range(messages)])
        one.close()
    store.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="pop3-"))
    results: dict[str, dict[str, list[float]]] = {}
    try:
        running = stores.contenders(base, ACCOUNTS[:CLIENTS], arguments.only or NAMES)
        for store in running:
            store.prepare()
            fill(store, arguments.messages)
        for _ in range(arguments.rounds):
            for store in running:
                found = results.setdefault(store.name, {})
                store.start()
                for way in ("lockstep", "pipelined"):
                    dialogue = functools.partial(fetch, messages=arguments.messages, pipelined=way == "pipelined")
                    sessions.count(dialogue, store.pop3, CLIENTS, CLIENTS)
                    used = peers.cpu_seconds(store.pid)
                    counted = sessions.count(dialogue, store.pop3, arguments.sessions, CLIENTS)
                    found.setdefault(way, []).append(counted.rate)
                    cpu = (peers.cpu_seconds(store.pid) - used) * 1000 / arguments.sessions
                    found.setdefault(f"{way} CPU ms", []).append(cpu)
                    found.setdefault(f"{way} client CPU ms", []).append(counted.client_cpu * 1000)
                store.stop()
        table(results, arguments.messages)
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1))
    finally:
        shutil.rmtree(base, ignore_errors=True)


def table(results: dict[str, dict[str, list[float]]], messages: int) -> None:
    """A row a figure, a column a store."""
    print(f"sessions of {messages} messages, {CLIENTS} clients, {os.cpu_count()} cores; median (spread)")
    for name, figures in results.items():
        print(name)
        for figure, values in figures.items():
            middle = statistics.median(values)
            line = f"  {figure:22} {middle:9.1f} ({min(values):.1f}-{max(values):.1f})"
            for mode in ("", " fast"):
                other = results.get(f"dovecot {LIKE.get(name, '')}{mode}", {}).get(figure)
                if other and "CPU" not in figure:
                    line += f"  {middle / statistics.median(other):5.2f}x dovecot {LIKE[name]}{mode}"
            print(line)


if __name__ == "__main__":
    main()
