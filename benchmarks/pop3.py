"""POP3 sessions that fetch a maildrop whole beside Dovecot 2.3, in alternation in one run.

    python benchmarks/pop3.py [--messages 100] [--rounds 3] [--workload NAME ...] [--only NAME ...] [--json FILE]

Workloads (``--workload all``, or none, for every one):

``login``      USER, PASS, STAT, QUIT, each in a connection of its own
``fetch``      USER, PASS, UIDL, RETR of each message after the answer to the one before, QUIT
``pipelined``  the same, all RETR sent at once
``tls``        ``fetch`` over TLS from the start, each with a whole handshake

All are sessions a second, by eight clients at a time, each in a maildrop of its own with ``--messages`` messages of
4 KB that stay there. ``CPU`` rows are milliseconds of the server's process tree for a session, ``generator`` rows
those of the generator of load. Ratios are Mailframe's to Dovecot's on the like format (maildir to maildir, sqlite to
mdbox), and in a second table to Dovecot's high-performance login mode (``fast``). Machines are noisy: only ratios of
one run mean something. Needs root and Debian's Dovecot.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import mail_load
import mailboxes
import peers
import stores
import tables

LIKE = {"mailframe maildir": "dovecot maildir", "mailframe sqlite": "dovecot mdbox"}
FAST = {"mailframe maildir": "dovecot maildir fast", "mailframe sqlite": "dovecot mdbox fast"}
CLIENTS = 8
ACCOUNTS = [f"user{number}" for number in range(CLIENTS)]
_END = b"\r\n.\r\n"
WORKLOADS = ["login", "fetch", "pipelined", "tls"]


def fill(store: stores.Store, count: int) -> None:
    """Each maildrop; the messages need not be durable yet."""
    store.start(careless=True)
    octets = [mailboxes.message(number) for number in range(count)]
    for name in ACCOUNTS:
        one = mailboxes.client(store, name)
        one.append("INBOX", octets)
        one.close()
    store.stop()


def session(store: stores.Store, workload: str, count: int, number: int) -> int:
    """One visit.

    Raises:
        RuntimeError: an answer is not the one that is due.
    """
    line = mail_load.Line(store.pop3s if workload == "tls" else store.pop3, workload == "tls")
    line.until(lambda got: got.endswith(b"\r\n"), b"+OK")
    line.pop3(f"USER {ACCOUNTS[number]}@{peers.DOMAIN}".encode())
    line.pop3(b"PASS " + stores.PASSWORD.encode())
    if workload == "login":
        line.pop3(b"STAT")
    else:
        line.pop3(b"UIDL", multi=True)
    if workload == "pipelined":
        line.send(b"".join(b"RETR %d\r\n" % message for message in range(1, count + 1)))
        _answers(line, count)
    elif workload != "login":
        for message in range(1, count + 1):
            line.pop3(b"RETR %d" % message, multi=True)
    line.pop3(b"QUIT")
    line.close()
    return 1


def _answers(line: mail_load.Line, count: int) -> None:
    tail = b""
    while count > 0:
        tail += line.some()
        count -= tail.count(_END)
        # What follows the last end, and of that no more than an end may be cut in.
        tail = tail[max(tail.rfind(_END) + len(_END) if _END in tail else 0, len(tail) - len(_END) + 1) :]


def measure(store: stores.Store, count: int, wanted: set[str], seconds: float) -> dict[str, float]:
    """One round: every workload once."""
    found: dict[str, float] = {}
    store.start()
    for name in (name for name in WORKLOADS if name in wanted):
        session(store, name, count, 0)
        visit = functools.partial(session, store, name, count)
        rate = mail_load.during(seconds, CLIENTS, store.pid, visit)
        found[name] = rate.a_second
        found[f"{name} CPU ms"] = rate.server
        found[f"{name} generator ms"] = rate.generator
    store.stop()
    return found


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each rate in each round")
    parser.add_argument("--workload", action="append", default=[], choices=[*WORKLOADS, "all"])
    parser.add_argument("--only", action="append", default=[], help="a server, as 'dovecot maildir fast'")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    wanted = set(WORKLOADS if not given.workload or "all" in given.workload else given.workload)
    base = Path(tempfile.mkdtemp(prefix="pop3-"))
    results: tables.Results = {}
    try:
        names = given.only or [*LIKE, *LIKE.values(), *FAST.values()]
        running = stores.contenders(base, ACCOUNTS, names)
        for store in running:
            store.prepare()
            fill(store, given.messages)
        for number in range(given.rounds):
            for store in running:
                tables.keep(results, store.name, measure(store, given.messages, wanted, given.seconds))
                print(f"round {number + 1}: {store.name} done", file=sys.stderr, flush=True)
        title = f"{given.messages} messages a session"
        tables.table(results, LIKE, WORKLOADS.__contains__, title)
        beside = {name: rows for name, rows in results.items() if name in FAST or name in FAST.values()}
        tables.table(beside, FAST, WORKLOADS.__contains__, f"{title}, beside the high-performance mode")
        if given.json:
            given.json.write_text(json.dumps(results, indent=1))
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
