"""The front door beside nginx's mail proxy, Dovecot's and Perdition, in alternation in one run, at one store.

    python benchmarks/proxy.py [--rounds 3] [--seconds 4] [--idle 500] [--only NAME ...] [--json FILE]

The store behind all of them is Debian's Dovecot in its high-performance login mode, on loopback in clear, so that
what differs is the proxy. Measured are login cycles (LOGIN, SELECT, LOGOUT, each in a connection of its own, eight at
a time) a second with the processor time of each; the megabytes a second of a large FETCH through it; how long
a NOOP takes in a session that stands (median); and the resident memory of its process tree for each session that
idles. ``straight`` is the store without a proxy. nginx asks a small HTTP server for the way, which counts as its own
and answers without looking anything up: to its advantage, as ours looks into a directory and checks the password
(Dovecot's is static, too, and Perdition checks nothing itself). Needs root and Debian's packages dovecot-imapd,
libnginx-mod-mail, perdition.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import mail_load
import mailboxes
import peers
import stores
import tables
from fronts import ACCOUNTS, KINDS, Proxy

LARGE = 8 * 1024 * 1024
LIKES = {"mailframe": "nginx"}


def entered(port: int, number: int = 0) -> mail_load.Line:
    """A session that has selected its INBOX."""
    line = mail_load.Line(port)
    line.greeting()
    line.imap(f"LOGIN {ACCOUNTS[number]}@{peers.DOMAIN} {stores.PASSWORD}".encode())
    line.imap(b"SELECT INBOX")
    return line


def measured(proxy: Proxy, seconds: float, idle: int) -> dict[str, float]:
    """One round."""

    def cycle(number: int) -> int:
        line = entered(proxy.imap, number)
        line.imap(b"LOGOUT")
        line.close()
        return 1

    cycle(0)
    before = proxy.cpu()
    rate = mail_load.during(seconds, len(ACCOUNTS), proxy.store.pid, cycle)
    figures = {"login": rate.a_second}
    if proxy.pids:
        figures["login CPU ms"] = 1000 * (proxy.cpu() - before) / max(1.0, rate.a_second * seconds)
    figures["login generator ms"] = rate.generator
    figures["fetch MB/s"] = fetched(proxy.imap, seconds)
    figures["noop ms"] = latency(proxy.imap, seconds / 4)
    if proxy.pids:
        figures["idle KB"] = idling(proxy, idle)
    return figures


def fetched(port: int, seconds: float) -> float:
    """Megabytes a second of a large message, again and again."""
    line = entered(port)
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        line.imap(b"FETCH 1 BODY.PEEK[]")
        count += 1
    took = time.monotonic() - begun
    line.close()
    return count * LARGE / 1e6 / took


def latency(port: int, seconds: float) -> float:
    """Milliseconds that a NOOP takes, there and back: the median."""
    line = entered(port)
    took: list[float] = []
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        moment = time.perf_counter()
        line.imap(b"NOOP")
        took.append(1000 * (time.perf_counter() - moment))
    line.close()
    return statistics.median(took)


def idling(proxy: Proxy, count: int) -> float:
    """Kilobytes of memory for each session that does nothing."""
    lines = [entered(proxy.imap, number % len(ACCOUNTS)) for number in range(50)]
    time.sleep(1)
    before = proxy.resident()
    lines += [entered(proxy.imap, number % len(ACCOUNTS)) for number in range(count)]
    time.sleep(1)
    grown = proxy.resident() - before
    for line in lines:
        line.close()
    return grown / count / 1000


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--only", nargs="+", default=list(KINDS))
    parser.add_argument("--json")
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="mailframe-proxy-"))
    results: tables.Results = {}
    try:
        (store,) = stores.contenders(base, ACCOUNTS, ["dovecot maildir fast"])
        store.prepare()
        store.start()
        line = entered(store.imap)
        octets = mailboxes.message(1)
        octets += b"x" * 72 + b"\r\n"
        octets += (b"y" * 72 + b"\r\n") * ((LARGE - len(octets)) // 74)
        line.send(b"b APPEND INBOX {%d}\r\n" % len(octets))
        line.until(lambda got: got.endswith(b"\r\n"), b"+")
        line.send(octets + b"\r\n")
        line.until(lambda got: got.startswith(b"b ", got.rfind(b"\n", 0, -1) + 1), b"b OK")
        line.close()
        proxies = [KINDS[name](base / name, store) for name in arguments.only]
        for number in range(arguments.rounds):
            for proxy in proxies:
                proxy.start()
                try:
                    tables.keep(results, proxy.name, measured(proxy, arguments.seconds, arguments.idle))
                finally:
                    proxy.stop()
                print(f"round {number + 1}: {proxy.name} done", flush=True)
        store.stop()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    tables.table(
        results, LIKES, lambda figure: figure in ("login", "fetch MB/s"), "the front door before one store"
    )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
