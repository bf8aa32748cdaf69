"""Mail in by SMTP, durable in Maildirs: Mailframe beside Postfix and aiosmtpd, in alternation in one run.

    python benchmarks/inbound.py [--workload NAME ...] [--rounds 3] [--messages N] [--only NAME ...] [--json FILE]

Workloads (``--workload all`` for every one):

``lasting``     5 KB messages, many a session, 20 sessions; by Postfix's ``smtp-source``, in five processes
``each``        the same with a session a message
``tls``         as ``lasting``, in sessions that begin with STARTTLS; by ``load.py``
``data``        messages of 1 MB by DATA; by ``load.py``
``bdat``        the same by BDAT, for servers that offer CHUNKING
``recipients``  5 KB messages, each for 50 mailboxes; rates are those of copies, not of messages
``plain``       as ``lasting``, by ``load.py``: beside ``lasting`` it tells what that generator costs

Two rates are told: *taken*, until the last message was answered 250, and *stored*, until the last one was in its
Maildir (Postfix answers when the message is in its queue). Processor time is that of the server's whole process tree,
a message; *load ms* that of the generator. The last column is the ratio of the stored rates, Mailframe's to the
peer's: machines are noisy, so only ratios of one run mean something.

Files are removed at the very end, and accounts lie in different block groups (``chattr +T``): for a minute ext4 steps
over each inode that was freed in a group, at up to 1 ms a new file, which falls on whoever comes next.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import load
import peers

PROCESSES = 5
ACCOUNTS = [f"user{number}" for number in range(50)]


@dataclass(frozen=True)
class Workload:
    """What is sent; ``source``: by ``smtp-source``."""

    messages: int
    size: int = 5120
    sessions: int = 20
    each: bool = False
    tls: bool = False
    bdat: bool = False
    recipients: int = 1
    source: bool = False


WORKLOADS = {
    "lasting": Workload(2000, source=True),
    "each": Workload(2000, each=True, source=True),
    "plain": Workload(2000),
    "tls": Workload(2000, tls=True),
    "data": Workload(200, size=1_000_000),
    "bdat": Workload(200, size=1_000_000, bdat=True),
    "recipients": Workload(100, recipients=50),
}


@dataclass
class Figures:
    """What one contender did, round by round: messages (copies) a second, milliseconds a message."""

    taken: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)


def by_source(server: peers.Server, workload: Workload) -> load.Run:
    """Send by ``smtp-source``."""
    share, sessions = workload.messages // PROCESSES, max(1, workload.sessions // PROCESSES)
    before, began = load.children_cpu(), time.monotonic()
    sources = [
        subprocess.Popen(
            ["/usr/sbin/smtp-source", *([] if workload.each else ["-d"]), "-s", str(sessions), "-m", str(share),
             "-l", str(workload.size), "-f", "sender@sender.test", "-t", f"{account}@{peers.DOMAIN}",
             f"127.0.0.1:{server.port}"],
            stderr=subprocess.PIPE,
        )
        for account in ACCOUNTS[:PROCESSES]
    ]  # fmt: skip
    for source in sources:
        _, errors = source.communicate(timeout=600)
        if source.returncode != 0:
            raise RuntimeError(f"smtp-source against {server.name}: {errors.decode()[-300:]}")
    return load.Run(time.monotonic() - began, load.children_cpu() - before)


def by_load(server: peers.Server, workload: Workload) -> load.Run:
    """Send by our own generator."""
    addresses = [f"{account}@{peers.DOMAIN}" for account in ACCOUNTS]
    if workload.recipients == 1:
        recipients = [(address,) for address in addresses[:PROCESSES]]
    else:
        recipients = [tuple(addresses[: workload.recipients])]
    return load.run(
        load.Load(
            server.port, recipients, workload.messages, workload.size, workload.sessions,
            workload.each, workload.tls, workload.bdat,
        )
    )  # fmt: skip


def storm(server: peers.Server, workload: Workload, figures: Figures | None) -> None:
    """One round."""
    before, cpu = server.delivered(), peers.cpu_seconds(server.pid)
    unit = PROCESSES if workload.source else workload.sessions
    messages = workload.messages // unit * unit
    copies = messages * workload.recipients
    began = time.monotonic()
    run = by_source(server, workload) if workload.source else by_load(server, workload)
    waited = time.monotonic()
    while server.delivered() - before < copies:
        if time.monotonic() - began > 600:
            raise RuntimeError(f"{server.name} stored {server.delivered() - before} of {copies}")
        time.sleep(0.01)
    stored = run.seconds + time.monotonic() - waited
    time.sleep(0.2)
    if figures is not None:
        figures.taken.append(copies / run.seconds)
        figures.stored.append(copies / stored)
        figures.cpu.append((peers.cpu_seconds(server.pid) - cpu) / messages * 1000)
        figures.load.append(run.cpu / messages * 1000)


def table(figures: dict[str, Figures], size: int) -> str:
    """The figures as text, medians over the rounds."""
    ours = statistics.median(figures["mailframe"].stored) if "mailframe" in figures else 0.0
    lines = [
        f"{'server':26}{'taken/s':>9}{'stored/s':>9}{'spread':>8}{'MB/s':>8}{'CPU ms':>8}{'load ms':>8}{'ratio':>7}"
    ]
    for name, row in figures.items():
        stored = statistics.median(row.stored)
        spread = (max(row.stored) - min(row.stored)) / stored
        lines.append(
            f"{name:26}{statistics.median(row.taken):9.0f}{stored:9.0f}{spread:8.0%}{stored * size / 1e6:8.1f}"
            f"{statistics.median(row.cpu):8.2f}{statistics.median(row.load):8.2f}{ours / stored:7.2f}"
        )
    return "\n".join(lines)


def able(server: peers.Server, workload: Workload) -> bool:
    """Does a server offer what a workload needs?"""
    needed = [word for word, wanted in ((b"CHUNKING", workload.bdat), (b"STARTTLS", workload.tls)) if wanted]
    return all(load.offers(server.port, word) for word in needed)


def measure(servers: list[peers.Server], name: str, workload: Workload, rounds: int) -> dict[str, Figures]:
    """One workload: all servers in turn, several times, after a round that warms up."""
    contenders = [server for server in servers if able(server, workload)]
    figures = {server.name: Figures() for server in contenders}
    for number in range(rounds + 1):
        for server in contenders:
            storm(server, workload, figures[server.name] if number else None)
    print(
        f"\n{name}: {workload.messages} messages of {workload.size} octets, {workload.sessions} sessions, "
        f"{'a session a message' if workload.each else 'lasting'}, {workload.recipients} recipients, "
        f"{rounds} rounds, {os.cpu_count()} cores"
    )
    print(table(figures, workload.size), flush=True)
    return figures


def chosen(options: argparse.Namespace) -> dict[str, Workload]:
    """The workloads asked for, as changed on the command line."""
    names = options.workload or (["each"] if options.each else ["lasting"])
    found = {}
    for name in WORKLOADS if "all" in names else names:
        changed = {**asdict(WORKLOADS[name]), "sessions": options.sessions}
        changed.update({key: getattr(options, key) for key in ("messages", "size") if getattr(options, key)})
        found[name] = Workload(**changed)
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", action="append", choices=[*WORKLOADS, "all"])
    parser.add_argument("--each", action="store_true", help="the same as --workload each")
    parser.add_argument("--messages", type=int, help="instead of the workload's own number")
    parser.add_argument("--size", type=int, help="octets, instead of the workload's own")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="only contenders whose name begins so")
    parser.add_argument("--json", type=Path, help="write all figures of all rounds here too")
    return parser.parse_args()


def main() -> None:
    """Start every contender, run the workloads, print the tables."""
    options = arguments()
    if os.geteuid() != 0 or not Path("/usr/sbin/smtp-source").exists():
        sys.exit("needs root and Debian's postfix (apt-get install postfix): smtp-source sends the load")
    kinds = [kind for kind in peers.ALL if not options.only or kind.name.startswith(tuple(options.only))]
    results = {}
    with tempfile.TemporaryDirectory(prefix="mailframe-bench-", dir="/tmp") as base:
        subprocess.run(["chattr", "+T", base], check=False, capture_output=True)
        servers: list[peers.Server] = [kind(Path(base), ACCOUNTS) for kind in kinds]
        started = []
        try:
            for server in servers:
                server.start()
                started.append(server)
            for name, workload in chosen(options).items():
                figures = measure(servers, name, workload, options.rounds)
                results[name] = {
                    "workload": asdict(workload),
                    "figures": {server: asdict(row) for server, row in figures.items()},
                }
        finally:
            for server in started:
                server.stop()
    if options.json is not None:
        options.json.write_text(json.dumps({"cores": os.cpu_count(), "workloads": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
