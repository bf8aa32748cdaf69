"""Mailboxes at work: Mailframe's backends beside Dovecot's formats, in alternation in one run, by LMTP and IMAP.

    python benchmarks/mailboxes.py [--messages 10000] [--rounds 2] [--only NAME ...] [--workload NAME ...]

Workloads (``--workload all`` for every one):

``lmtp``     4 KB messages by LMTP, many a session, for ten accounts, durable; a second
``append``   APPEND of 4 KB messages by twenty clients at once, one message after another, durable; a second
``open``     SELECT of the large mailbox by the first client after a start; seconds
``flags``    STORE +FLAGS (\\Flagged) on all messages; seconds
``copy``     COPY of all messages to another mailbox; seconds
``move``     MOVE of all of these to a third; seconds
``expunge``  EXPUNGE of all of these; seconds
``subject``  SEARCH SUBJECT for a word that one message has; seconds, the second time
``body``     SEARCH BODY for a word that one message has; seconds, the first time and the second
``disk``     octets on the disk and processes' memory a message

The large mailbox has ``--messages`` messages. Processor time is that of the server's whole process tree. Ratios are
Mailframe's to Dovecot's on the like format: maildir to maildir, sqlite to mdbox, mbox to mbox; above 1 Mailframe is
faster. Machines are noisy: only ratios of one run mean something.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import peers
import stores
from imap_client import IMAPClient

LIKE = {
    "mailframe maildir": "dovecot maildir",
    "mailframe sqlite": "dovecot mdbox",
    "mailframe mbox": "dovecot mbox",
}
ACCOUNTS = [f"user{number}" for number in range(20)]
RATES = {"lmtp", "append"}
LARGE = "large"
SEED = 20261122
_WORDS = [
    "".join(random.Random(number).choices("abcdefghijklmnoprstuvwz", k=3 + number % 8))
    for number in range(5000)
]


def message(number: int, size: int = 4096, rare: str = "") -> bytes:
    """A message of text: the same words for everybody, another text each."""
    chance = random.Random(SEED + number)
    head = (
        f"From: sender{number % 500}@example.org\r\nTo: user0@{peers.DOMAIN}\r\n"
        f"Subject: {' '.join(chance.choices(_WORDS, k=6))}{' ' + rare if rare else ''}\r\n"
        f"Date: Sun, 22 Nov 2026 12:{number // 60 % 60:02}:{number % 60:02} +0000\r\n"
        f"Message-ID: <{number}@bench.example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
    )
    lines = []
    length = len(head)
    while length < size:
        line = " ".join(chance.choices(_WORDS, k=10)) + "\r\n"
        lines.append(line)
        length += len(line)
    if rare:
        lines.append(rare + "\r\n")
    return (head + "".join(lines)).encode()


def client(store: stores.Store, account: str = "user0") -> IMAPClient:
    """Logged in."""
    return IMAPClient(store.imap, f"{account}@{peers.DOMAIN}", stores.PASSWORD)


def fill(store: stores.Store, count: int) -> None:
    """The large mailbox; the messages need not be durable yet."""
    store.start(careless=True)
    one = client(store)
    for name in (LARGE, "copied", "moved"):
        one.command(f"CREATE {name}")
    for start in range(0, count, 50):
        batch = range(start, min(count, start + 50))
        one.append(LARGE, [message(n, rare="xylophonist" if n == count // 2 else "") for n in batch])
    one.close()
    store.stop()


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def lmtp(store: stores.Store, count: int) -> float:
    """Messages a second, by ten processes of smtp-source, each for one account."""
    begun = time.perf_counter()
    each = max(20, count // 10)
    running = [
        subprocess.Popen(
            ["/usr/sbin/smtp-source", "-L", "-d", "-l", "4096", "-m", str(each), "-s", "2",
             "-f", "sender@example.org", "-t", f"{name}@{peers.DOMAIN}", f"inet:127.0.0.1:{store.lmtp}"],
            stdout=subprocess.DEVNULL,
        )
        for name in ACCOUNTS[:10]
    ]  # fmt: skip
    for process in running:
        if process.wait():
            raise RuntimeError(f"{store.name} refused mail")
    return each * 10 / (time.perf_counter() - begun)


def append(store: stores.Store, count: int) -> float:
    """Messages a second by twenty clients, each in its own account."""
    each = max(10, count // 20)
    clients = [client(store, name) for name in ACCOUNTS]
    octets = [message(number) for number in range(10)]

    def one(mine: IMAPClient) -> None:
        for number in range(each):
            mine.append("INBOX", [octets[number % 10]])

    threads = [threading.Thread(target=one, args=(mine,)) for mine in clients]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    for mine in clients:
        mine.close()
    return each * 20 / seconds


def measure(store: stores.Store, count: int, wanted: set[str]) -> dict[str, float]:
    """One round: every workload once."""
    found: dict[str, float] = {}
    store.start()
    one = client(store)
    found["open"] = timed(lambda: one.command(f"SELECT {LARGE}"))
    steps: dict[str, Callable[[], object]] = {
        "flags": lambda: one.command("UID STORE 1:* +FLAGS.SILENT (\\Flagged)"),
        "copy": lambda: one.command("UID COPY 1:* copied"),
    }
    for name, step in steps.items():
        if name in wanted or (name == "copy" and wanted & {"move", "expunge"}):
            found[name] = timed(step)
    if "flags" in wanted:
        one.command("UID STORE 1:* -FLAGS.SILENT (\\Flagged)")
    if wanted & {"move", "expunge"}:
        one.command("SELECT copied")
        found["move"] = timed(lambda: one.command("UID MOVE 1:* moved"))
        one.command("SELECT moved")
        one.command("UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
        found["expunge"] = timed(lambda: one.command("EXPUNGE"))
    elif "copy" in wanted:
        one.command("SELECT copied")
        one.command("UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
        one.command("EXPUNGE")
    one.command(f"SELECT {LARGE}")
    if "body" in wanted:
        found["body"] = timed(lambda: one.command("UID SEARCH BODY xylophonist"))
        found["body again"] = timed(lambda: one.command("UID SEARCH BODY xylophonist"))
    if "subject" in wanted:
        one.command("UID SEARCH SUBJECT xylophonist")
        found["subject"] = timed(lambda: one.command("UID SEARCH SUBJECT xylophonist"))
    if "disk" in wanted:
        found["disk"] = store.disk_octets() / count
        found["memory MB"] = peers.resident_octets(store.pid) / 1e6
    one.close()
    for name, work in (("lmtp", lmtp), ("append", append)):
        if name in wanted:
            used = peers.cpu_seconds(store.pid)
            sent = max(200, min(count, 4000))
            found[name] = work(store, sent)
            found[f"{name} CPU ms"] = (peers.cpu_seconds(store.pid) - used) * 1000 / sent
    store.stop()
    return found


def table(results: dict[str, dict[str, list[float]]], count: int) -> None:
    """A row a figure, a column a store, and ratios."""
    names = list(results)
    figures = list(dict.fromkeys(figure for rounds in results.values() for figure in rounds))
    print(f"\n{count} messages in the large mailbox, {os.cpu_count()} cores")
    print(f"{'':14}" + "".join(f"{name:>19}" for name in names))
    for figure in figures:
        cells = []
        for name in names:
            value = median(results, name, figure)
            other = median(results, LIKE.get(name, ""), figure)
            ratio = ""
            if value and other:
                ratio = f" {value / other if figure in RATES else other / value:5.2f}x"
            cells.append(f"{value:.3f}{ratio}" if value < 100 else f"{value:.0f}{ratio}")
        print(f"{figure:14}" + "".join(f"{cell:>19}" for cell in cells))


def median(results: dict[str, dict[str, list[float]]], name: str, figure: str) -> float:
    """Of all rounds; 0 where there is none."""
    return statistics.median(results.get(name, {}).get(figure) or [0.0])


def main() -> None:
    """See the top of this file."""
    workloads = ["lmtp", "append", "open", "flags", "copy", "move", "expunge", "subject", "body", "disk"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--workload", action="append", default=[], choices=[*workloads, "all"])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    wanted = (
        set(arguments.workload) if arguments.workload and "all" not in arguments.workload else set(workloads)
    )
    names = arguments.only or [*LIKE, *LIKE.values()]
    base = Path(tempfile.mkdtemp(prefix="mailboxes-"))
    results: dict[str, dict[str, list[float]]] = {}
    try:
        running = stores.contenders(base, ACCOUNTS, names)
        for store in running:
            store.prepare()
            seconds = timed(lambda store=store: fill(store, arguments.messages))
            print(f"{store.name}: filled in {seconds:.0f} s", file=sys.stderr, flush=True)
        for number in range(arguments.rounds):
            for store in running:
                for figure, value in measure(store, arguments.messages, wanted).items():
                    results.setdefault(store.name, {}).setdefault(figure, []).append(value)
                print(f"round {number + 1}: {store.name} done", file=sys.stderr, flush=True)
        table(results, arguments.messages)
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1))
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
