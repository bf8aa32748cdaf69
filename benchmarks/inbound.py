"""Mail in by SMTP, durable in Maildirs: Mailframe beside Postfix and aiosmtpd, in alternation in one run.

    python benchmarks/inbound.py [--messages 2000] [--size 5120] [--sessions 20] [--rounds 3] [--each]

Load comes from Postfix's ``smtp-source``: five processes share the sessions and send to five accounts, in lasting
sessions (many messages a session) or, with ``--each``, a session a message. Two rates are told: *taken*, until the
last message was answered 250, and *stored*, until the last one was in its Maildir (Postfix answers when the message
is in its queue). Processor time is that of the server's whole process tree, a message. The last column is the ratio
of the stored rates, Mailframe's to the peer's: machines are noisy, so only ratios of one run mean something.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import peers

PROCESSES = 5
ACCOUNTS = [f"user{number}" for number in range(PROCESSES)]


@dataclass
class Figures:
    """What one contender did, round by round."""

    taken: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def storm(server: peers.Server, options: argparse.Namespace) -> tuple[float, float, float]:
    """One round: messages a second taken and stored, and milliseconds of processor time a message."""
    # Nothing is removed between rounds: for half a minute ext4 steps over each inode that was freed, at a cost
    # (up to 1 ms a new file) that would fall on whoever comes next.
    before, cpu = server.delivered(), peers.cpu_seconds(server.pid)
    share, sessions = options.messages // PROCESSES, max(1, options.sessions // PROCESSES)
    total = share * PROCESSES
    began = time.monotonic()
    sources = [
        subprocess.Popen(
            ["/usr/sbin/smtp-source", *([] if options.each else ["-d"]), "-s", str(sessions), "-m", str(share),
             "-l", str(options.size), "-f", "sender@sender.test", "-t", f"{account}@{peers.DOMAIN}",
             f"127.0.0.1:{server.port}"],
            stderr=subprocess.PIPE,
        )
        for account in ACCOUNTS
    ]  # fmt: skip
    for source in sources:
        _, errors = source.communicate(timeout=600)
        if source.returncode != 0:
            raise RuntimeError(f"smtp-source against {server.name}: {errors.decode()[-300:]}")
    taken = time.monotonic() - began
    while server.delivered() - before < total:
        if time.monotonic() - began > 600:
            raise RuntimeError(f"{server.name} stored {server.delivered() - before} of {total}")
        time.sleep(0.01)
    stored = time.monotonic() - began
    time.sleep(0.2)
    return total / taken, total / stored, (peers.cpu_seconds(server.pid) - cpu) / total * 1000


def table(figures: dict[str, Figures], size: int) -> str:
    """The figures as text, medians over the rounds."""
    ours = statistics.median(figures["mailframe"].stored) if "mailframe" in figures else 0.0
    lines = [f"{'server':26}{'taken/s':>10}{'stored/s':>10}{'MB/s':>8}{'CPU ms':>9}{'ratio':>8}"]
    for name, row in figures.items():
        stored = statistics.median(row.stored)
        lines.append(
            f"{name:26}{statistics.median(row.taken):10.0f}{stored:10.0f}{stored * size / 1e6:8.1f}"
            f"{statistics.median(row.cpu):9.2f}{ours / stored:8.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Start every contender, run the rounds in alternation, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--size", type=int, default=5120)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each", action="store_true", help="a session a message")
    parser.add_argument("--only", action="append", help="only contenders whose name begins so")
    options = parser.parse_args()
    if os.geteuid() != 0 or not Path("/usr/sbin/smtp-source").exists():
        sys.exit("needs root and Debian's postfix (apt-get install postfix): smtp-source sends the load")
    kinds = [kind for kind in peers.ALL if not options.only or kind.name.startswith(tuple(options.only))]
    with tempfile.TemporaryDirectory(prefix="mailframe-bench-", dir="/tmp") as base:
        servers = [kind(Path(base), ACCOUNTS) for kind in kinds]
        figures = {server.name: Figures() for server in servers}
        started = []
        try:
            for server in servers:
                server.start()
                started.append(server)
            for number in range(options.rounds + 1):
                for server in servers:
                    row = storm(server, options)
                    if number:  # the first round warms up
                        for values, value in zip(
                            (figures[server.name].taken, figures[server.name].stored, figures[server.name].cpu), row,
                            strict=True,
                        ):  # fmt: skip
                            values.append(value)
        finally:
            for server in started:
                server.stop()
        print(f"{options.messages} messages of {options.size} octets, {options.sessions} sessions, "
              f"{'a session a message' if options.each else 'lasting sessions'}, "
              f"{options.rounds} rounds, {os.cpu_count()} cores")  # fmt: skip
        print(table(figures, options.size))


if __name__ == "__main__":
    main()
