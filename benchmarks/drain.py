"""Mail out through the queue: Mailframe's router beside Postfix, in alternation in one run, into ``smtp-sink``.

    python benchmarks/drain.py [--workload NAME ...] [--rounds 3] [--messages N] [--only NAME ...] [--json FILE]

Workloads (``--workload all`` for both):

``through``  5 KB messages in by SMTP, many a session, and out by SMTP as they come
``backlog``  the same number taken while the next host is away, then sent when it is back and the queue is flushed

The rate is that of messages which the sink has taken, from the first octet sent (``through``) or from the moment of
the flush (``backlog``) to the last message. Processor time is that of the server's whole process tree, a message;
*memory* its proportional set size at the end. The last column is the ratio of the rates, Mailframe's to the peer's:
machines are noisy, so only ratios of one run mean something. Load comes from Postfix's ``smtp-source``, and goes to
its ``smtp-sink``: together they need a tenth of a millisecond a message.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import peers

SESSIONS = 20
SIZE = 5120
PATIENCE = 600.0


class Sink:
    """The next host: takes everything, keeps nothing, counts."""

    def __init__(self, base: Path) -> None:
        self.port = peers.free_port()
        self._output = base / "sink"
        self._process: subprocess.Popen[bytes] | None = None
        self._before = 0

    def start(self) -> None:
        """Listen."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                ["/usr/sbin/smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{self.port}", "500"],
                stdout=output, stderr=output,
            )  # fmt: skip
        peers.wait_for(self.port)

    def stop(self) -> None:
        """Listen no more; what was counted stays."""
        if self._process is not None:
            self._before = self.taken()
            self._output.write_bytes(b"")
            self._process.kill()
            self._process.wait()
            self._process = None

    def taken(self) -> int:
        """Messages so far."""
        if not self._output.exists():
            return self._before
        with self._output.open("rb") as output:
            output.seek(max(0, self._output.stat().st_size - 400))
            found = re.findall(rb"mesg=(\d+)\r", output.read())
        return self._before + (int(found[-1]) if found else 0)


class PostfixRelay(peers.Postfix):
    """Debian's Postfix with its own defaults, sending everything to the sink."""

    sink = 0

    def ways(self, config: Path, mail: Path) -> str:
        """All to one next host."""
        return (
            f"mynetworks = 127.0.0.0/8\nrelayhost = [127.0.0.1]:{self.sink}\n"
            "smtp_dns_support_level = disabled\nsmtp_host_lookup = native\n"
        )

    def flush(self) -> None:
        """Send what waits."""
        subprocess.run(["/usr/sbin/postqueue", "-c", self.base / "etc", "-f"], check=True)


class PostfixRelayUnthrottled(PostfixRelay):
    """Postfix without the delay it puts on clients that are faster than its delivery."""

    name = "postfix in_flow_delay=0"
    settings = "in_flow_delay = 0\n"


class MailframeRouter(peers.Server):
    """A node with the router role and as many workers as cores."""

    name = "mailframe"
    sink = 0

    def start(self) -> None:
        """Make a configuration and start ``twistd mailframe``."""
        self.base.mkdir(parents=True)
        self.config = self.base / "mailframe.toml"
        self.config.write_text(
            f"""\
[node]
hostname = "mx.{peers.DOMAIN}"
roles = ["router"]
status = ""

[role.router]
listen = ["tcp:{self.port}:interface=127.0.0.1"]
networks = ["127.0.0.0/8"]

[routing]
local = ""
default = "smarthost"

[delivery.smarthost]
hosts = ["127.0.0.1:{self.sink}"]
tls = "opportunistic"
"""
        )
        self.log = open(self.base / "log", "wb")  # noqa: SIM115
        command = Path(sys.executable).parent
        self._process = subprocess.Popen(
            [command / "twistd", "-n", "--pidfile=", "mailframe", "--config", self.config],
            stdout=self.log, stderr=self.log, cwd=self.base,
        )  # fmt: skip
        self.pid = self._process.pid
        peers.wait_for(self.port)

    def stop(self) -> None:
        """End it as an administrator would."""
        self._process.terminate()
        self._process.wait(30)
        self.log.close()

    def flush(self) -> None:
        """Send what waits."""
        command = Path(sys.executable).parent / "mailframe"
        subprocess.run([command, "queue", "flush", "--config", self.config], check=True, capture_output=True)


CONTENDERS = (MailframeRouter, PostfixRelay, PostfixRelayUnthrottled)
Contender = MailframeRouter | PostfixRelay


@dataclass
class Figures:
    """What one contender did, round by round."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def send(server: Contender, messages: int) -> None:
    """Have messages accepted by a server."""
    done = subprocess.run(
        ["/usr/sbin/smtp-source", "-d", "-s", str(SESSIONS), "-m", str(messages), "-l", str(SIZE),
         "-f", "sender@sender.test", "-t", "someone@sink.test", f"127.0.0.1:{server.port}"],
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"smtp-source against {server.name}: {done.stderr.decode()[-300:]}")


def wait(sink: Sink, count: int, name: str) -> None:
    """Until the sink has taken so many."""
    deadline = time.monotonic() + PATIENCE
    while sink.taken() < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name}: the sink has {sink.taken()} of {count} messages")
        time.sleep(0.01)


def through(server: Contender, sink: Sink, messages: int) -> float:
    """In and out; seconds."""
    wanted, began = sink.taken() + messages, time.monotonic()
    send(server, messages)
    wait(sink, wanted, server.name)
    return time.monotonic() - began


def backlog(server: Contender, sink: Sink, messages: int) -> float:
    """In while the next host is away, then out; seconds of the second part."""
    sink.stop()
    wanted = sink.taken() + messages
    send(server, messages)
    time.sleep(2.0)
    sink.start()
    began = time.monotonic()
    server.flush()
    wait(sink, wanted, server.name)
    return time.monotonic() - began


WORKLOADS = {"through": through, "backlog": backlog}


def measure(
    contenders: list[tuple[Contender, Sink]], name: str, messages: int, rounds: int
) -> dict[str, Figures]:
    """One workload: all in turn, several times, after a round that warms up."""
    figures = {server.name: Figures() for server, _ in contenders}
    for number in range(rounds + 1):
        for server, sink in contenders:
            cpu = peers.cpu_seconds(server.pid)
            seconds = WORKLOADS[name](server, sink, messages)
            time.sleep(0.5)
            if number:
                row = figures[server.name]
                row.rate.append(messages / seconds)
                row.cpu.append((peers.cpu_seconds(server.pid) - cpu) / messages * 1000)
                row.memory.append(peers.resident_octets(server.pid) / 1e6)
    print(f"\n{name}: {messages} messages of {SIZE} octets, {rounds} rounds, {os.cpu_count()} cores")
    print(table(figures), flush=True)
    return figures


def table(figures: dict[str, Figures]) -> str:
    """The figures as text, medians over the rounds."""
    ours = statistics.median(figures["mailframe"].rate) if "mailframe" in figures else 0.0
    lines = [f"{'server':26}{'out/s':>8}{'spread':>8}{'CPU ms':>8}{'memory MB':>11}{'ratio':>7}"]
    for name, row in figures.items():
        rate = statistics.median(row.rate)
        lines.append(
            f"{name:26}{rate:8.0f}{(max(row.rate) - min(row.rate)) / rate:8.0%}{statistics.median(row.cpu):8.2f}"
            f"{statistics.median(row.memory):11.0f}{ours / rate:7.2f}"
        )
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", action="append", choices=[*WORKLOADS, "all"])
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="only contenders whose name begins so")
    parser.add_argument("--json", type=Path, help="write all figures of all rounds here too")
    return parser.parse_args()


def main() -> None:
    """Start every contender, run the workloads, print the tables."""
    options = arguments()
    if os.geteuid() != 0 or not Path("/usr/sbin/smtp-sink").exists():
        sys.exit("needs root and Debian's postfix (apt-get install postfix): smtp-sink takes the mail")
    names = options.workload or ["through"]
    results = {}
    with tempfile.TemporaryDirectory(prefix="mailframe-bench-", dir="/tmp") as base:
        Path(base).chmod(0o755)
        contenders: list[tuple[Contender, Sink]] = []
        try:
            for number, kind in enumerate(CONTENDERS):
                if options.only and not kind.name.startswith(tuple(options.only)):
                    continue
                place = Path(base) / f"sink{number}"
                place.mkdir()
                sink, server = Sink(place), kind(Path(base), [])
                server.sink = sink.port
                contenders.append((server, sink))
                sink.start()
                server.start()
            for name in WORKLOADS if "all" in names else names:
                found = measure(contenders, name, options.messages, options.rounds)
                results[name] = {server: asdict(row) for server, row in found.items()}
        finally:
            for server, sink in contenders:
                if server.pid:
                    server.stop()
                sink.stop()
    if options.json is not None:
        options.json.write_text(json.dumps({"cores": os.cpu_count(), "workloads": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
