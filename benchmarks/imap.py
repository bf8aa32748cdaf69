"""IMAP at work beside Dovecot 2.3, in alternation in one run.

    python benchmarks/imap.py [--messages 10000] [--rounds 3] [--workload NAME ...] [--only NAME ...] [--json FILE]

Workloads (``--workload all``, or none, for every one):

``login``      LOGIN, SELECT INBOX, LOGOUT, each in a connection of its own, eight at a time; a second
``login-tls``  the same with TLS from the start, each with a whole handshake; a second
``flags``      FETCH 1:* FLAGS of the large mailbox; seconds
``envelopes``  FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE); seconds: ``cold`` with what is
               kept of the structure of messages taken away (Dovecot's ``dovecot.index.cache``, the rows of our
               ``descriptions``), so that the server reads all messages, ``warm`` afterwards. The system's cache of
               files stays warm for all
``bodies``     FETCH of 1,000 messages whole; seconds
``store``      STORE +FLAGS.SILENT on all messages; seconds
``subject``    SEARCH SUBJECT for a word that one message has; seconds, the second time
``body``       SEARCH BODY for a word that one message has; seconds, the first time and the second
``sort``       SORT (DATE) and SORT (SUBJECT); seconds, the second time
``thread``     THREAD=REFERENCES; seconds, the second time
``append``     APPEND of 4 KB messages by twenty clients at once, durable; a second
``mixed``      50 clients, each in an account of its own, for some seconds: look for news, append, read, flag, search,
               delete; commands a second

The large mailbox has ``--messages`` messages of 4 KB, 100,000 for the long run. ``CPU`` rows are milliseconds of the
server's process tree for one session or command, ``generator`` rows those of the generator of load: where that is
not a small part, the rate says less. Ratios are Mailframe's to Dovecot's on the like format (maildir to maildir,
sqlite to mdbox); logins are also measured with Dovecot's high-performance login mode (``fast``) and compared with
that in a second table. Machines are noisy: only ratios of one run mean something. Needs root and Debian's Dovecot.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import mail_load
import mailboxes
import peers
import stores
import tables
from imap_client import IMAPClient

LIKE = {"mailframe maildir": "dovecot maildir", "mailframe sqlite": "dovecot mdbox"}
FAST = {"mailframe maildir": "dovecot maildir fast", "mailframe sqlite": "dovecot mdbox fast"}
CLIENTS = 50
ACCOUNTS = [f"user{number}" for number in range(CLIENTS)]
LOGINS = {"login", "login-tls"}
WORKLOADS = ["login", "login-tls", "flags", "envelopes", "bodies", "store", "subject", "body", "sort", "thread",
             "append", "mixed"]  # fmt: skip
ENVELOPES = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
RARE = "xylophonist"


def login(store: stores.Store, tls: bool, seconds: float, processes: int = 8) -> mail_load.Rate:
    """Sessions that come, look and go."""
    port = store.imaps if tls else store.imap

    def cycle(number: int) -> int:
        line = mail_load.Line(port, tls)
        line.greeting()
        line.imap(f"LOGIN {ACCOUNTS[number]}@{peers.DOMAIN} {stores.PASSWORD}".encode())
        line.imap(b"SELECT INBOX")
        line.imap(b"LOGOUT")
        line.close()
        return 1

    cycle(0)
    return mail_load.during(seconds, processes, store.pid, cycle)


def mixed(store: stores.Store, seconds: float) -> mail_load.Rate:
    """Clients that stay and do what people's clients do."""
    octets = mailboxes.message(1)
    open_lines: dict[int, mail_load.Line] = {}

    def cycle(number: int) -> int:
        line = open_lines.get(number)
        if line is None:
            line = open_lines[number] = mail_load.Line(store.imap)
            line.greeting()
            line.imap(f"LOGIN {ACCOUNTS[number]}@{peers.DOMAIN} {stores.PASSWORD}".encode())
            line.imap(b"SELECT INBOX")
        count = 0
        for command in _day(octets):
            line.imap(command)
            count += 1
        return count

    return mail_load.during(seconds, CLIENTS, store.pid, cycle)


def _day(octets: bytes) -> Iterator[bytes]:
    for _ in range(5):
        yield b"APPEND INBOX {%d+}\r\n%s" % (len(octets), octets)
    yield b"NOOP"
    yield b"FETCH 1:* (UID FLAGS)"
    yield b"STATUS INBOX (MESSAGES UNSEEN)"
    for number in range(1, 6):
        yield b"FETCH %d (UID FLAGS ENVELOPE BODYSTRUCTURE)" % number
        yield b"FETCH %d BODY.PEEK[]" % number
        yield b"STORE %d +FLAGS (\\Seen)" % number
    yield b"SEARCH UNSEEN SUBJECT zebra"
    yield b"STORE 1:5 +FLAGS.SILENT (\\Deleted)"
    yield b"EXPUNGE"


def make_cold(store: stores.Store) -> None:
    """Take away what a stopped server keeps of the structure of messages."""
    for path in store.mail.rglob("dovecot.index.cache"):
        path.unlink()
    if not isinstance(store, stores.Mailframe):
        return
    for path in store.mail.rglob("*"):
        if not path.is_file() or path.stat().st_size < 100:
            continue
        with path.open("rb") as file:
            if file.read(15) != b"SQLite format 3":
                continue
        database = sqlite3.connect(path)
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'descriptions'").fetchone():
            database.execute("DELETE FROM descriptions")
            database.commit()
        database.close()


def seconds_of(one: IMAPClient, command: str, times: int = 1) -> float:
    """Of the last time."""
    return [mailboxes.timed(lambda: one.swallow(command)) for _ in range(times)][-1]


def large(store: stores.Store, count: int, wanted: set[str]) -> dict[str, float]:
    """What one client does with the large mailbox."""
    found: dict[str, float] = {}
    if "envelopes" in wanted:
        make_cold(store)
    store.start()
    one = mailboxes.client(store)
    one.command(f"SELECT {mailboxes.LARGE}")
    begun = peers.cpu_seconds(store.pid)
    if "envelopes" in wanted:
        found["envelopes cold"] = seconds_of(one, f"FETCH 1:* {ENVELOPES}")
        found["envelopes warm"] = seconds_of(one, f"FETCH 1:* {ENVELOPES}", 2)
    if "flags" in wanted:
        found["flags"] = seconds_of(one, "FETCH 1:* FLAGS", 2)
    if "bodies" in wanted:
        found["bodies"] = seconds_of(one, f"FETCH 1:{min(1000, count)} BODY.PEEK[]", 2)
    if "store" in wanted:
        found["store"] = seconds_of(one, "STORE 1:* +FLAGS.SILENT (\\Flagged)")
        one.swallow("STORE 1:* -FLAGS.SILENT (\\Flagged)")
    if "sort" in wanted:
        found["sort date"] = seconds_of(one, "SORT (DATE) UTF-8 ALL", 2)
        found["sort subject"] = seconds_of(one, "SORT (SUBJECT) UTF-8 ALL", 2)
    if "thread" in wanted:
        found["thread"] = seconds_of(one, "THREAD REFERENCES UTF-8 ALL", 2)
    if "subject" in wanted:
        found["subject"] = seconds_of(one, f"SEARCH SUBJECT {RARE}", 2)
    if "body" in wanted:
        found["body first"] = seconds_of(one, f"SEARCH BODY {RARE}")
        found["body again"] = seconds_of(one, f"SEARCH BODY {RARE}")
    found["large CPU s"] = peers.cpu_seconds(store.pid) - begun
    one.close()
    store.stop()
    return found


def rates(store: stores.Store, count: int, wanted: set[str], seconds: float, fast: bool) -> dict[str, float]:
    """What many clients do."""
    found: dict[str, float] = {}
    store.start()
    for name in ("login", "login-tls", "mixed"):
        if name not in wanted or (fast and name not in LOGINS):
            continue
        rate = mixed(store, seconds) if name == "mixed" else login(store, name == "login-tls", seconds)
        found[name] = rate.a_second
        found[f"{name} CPU ms"] = rate.server
        found[f"{name} generator ms"] = rate.generator
    if "append" in wanted and not fast:
        found["append"] = mailboxes.append(store, max(200, min(count, 2000)))
    store.stop()
    return found


def options() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each rate in each round")
    parser.add_argument("--workload", action="append", default=[], choices=[*WORKLOADS, "all"])
    parser.add_argument("--only", action="append", default=[], help="a server, as 'dovecot maildir fast'")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    """See the top of this file."""
    given = options()
    wanted = set(WORKLOADS if not given.workload or "all" in given.workload else given.workload)
    many = bool(wanted & (LOGINS | {"append", "mixed"}))
    alone = wanted - LOGINS - {"append", "mixed"}
    names = given.only or [*LIKE, *LIKE.values(), *(FAST.values() if wanted & LOGINS else ())]
    base = Path(tempfile.mkdtemp(prefix="imap-"))
    results: tables.Results = {}
    try:
        running = stores.contenders(base, ACCOUNTS, names)
        for store in running:
            store.prepare()
            if alone and "fast" not in store.ways:
                seconds = mailboxes.timed(functools.partial(mailboxes.fill, store, given.messages))
                print(f"{store.name}: filled in {seconds:.0f} s", file=sys.stderr, flush=True)
        for number in range(given.rounds):
            for store in running:
                fast = "fast" in store.ways
                if alone and not fast:
                    tables.keep(results, store.name, large(store, given.messages, alone))
                if many:
                    found = rates(store, given.messages, wanted, given.seconds, fast)
                    tables.keep(results, store.name, found)
                print(f"round {number + 1}: {store.name} done", file=sys.stderr, flush=True)
        tables.table(results, LIKE, _is_rate, f"{given.messages} messages")
        if wanted & LOGINS:
            logins = {name: {row: each for row, each in rows.items() if row.startswith("login")}
                      for name, rows in results.items() if name in FAST or name in FAST.values()}  # fmt: skip
            tables.table(logins, FAST, _is_rate, "logins beside the high-performance mode")
        if given.json:
            given.json.write_text(json.dumps(results, indent=1))
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _is_rate(figure: str) -> bool:
    return figure in {"login", "login-tls", "append", "mixed"}


if __name__ == "__main__":
    main()
