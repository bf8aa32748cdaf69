"""SEARCH in a large mailbox beside Dovecot's, whose Maildir has no full-text index: by IMAP, in one run.

    python benchmarks/search.py [--messages 100000] [--rounds 3]

Both servers find the same files in a Maildir, in which no server was before; they are files on the disk, so neither
has taken them in by a protocol. Measured are, in seconds: the first SELECT; the first SEARCH BODY, which makes
Mailframe's index; and then the median of some rounds for a word in one body, a word in a tenth of them, a word in the
text of one, in the subject of one, and in no sender. Answers must be the same. Needs root and Debian's Dovecot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import peers
import stores
from full_text import RARE, TENTH, octets_of
from imap_client import IMAPClient

SEARCHES = {
    "one body": f"BODY {RARE}",
    "a tenth": f"BODY {TENTH}",
    "one text": f"TEXT {RARE}",
    "one subject": f"SUBJECT {RARE}",
    "no sender": "FROM nobodyatall",
}


def place(folder: Path, count: int, owner: tuple[int, int]) -> None:
    """A Maildir folder with messages."""
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "maildirfolder").touch()
    for number in range(count):
        octets = octets_of(number).replace(b"\r\n", b"\n")
        name = f"{1_700_000_000 + number}.M{number}P1.host,S={len(octets)}:2,S"
        (folder / "cur" / name).write_bytes(octets)
    for directory, _, files in os.walk(folder.parent):
        for name in (".", *files):
            os.chown(os.path.join(directory, name), *owner)


def timed(client: IMAPClient, command: str) -> tuple[float, list[bytes]]:
    """Seconds, and what was found."""
    begun = time.perf_counter()
    lines = client.command(command)
    seconds = time.perf_counter() - begun
    found = [line for line in lines if line.upper().startswith((b"* SEARCH", b"* ESEARCH"))]
    return seconds, found


def measure(store: stores.Store, rounds: int) -> tuple[dict[str, float], dict[str, list[bytes]]]:
    """Figures and answers."""
    store.start()
    client = IMAPClient(store.imap, f"user0@{peers.DOMAIN}", stores.PASSWORD)
    used = peers.cpu_seconds(store.pid)
    figures = {"select": timed(client, "SELECT large")[0]}
    figures["first body"] = timed(client, "UID SEARCH BODY zzyzx")[0]
    figures["CPU so far"] = peers.cpu_seconds(store.pid) - used
    answers = {}
    for name, words in SEARCHES.items():
        taken = [timed(client, f"UID SEARCH {words}") for _ in range(rounds)]
        figures[name] = statistics.median(seconds for seconds, _ in taken)
        answers[name] = taken[0][1]
    client.close()
    store.stop()
    return figures, answers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="search-"))
    try:
        ours, theirs = stores.contenders(base, ["user0"], ["mailframe maildir", "dovecot maildir"])
        ours.prepare()
        place(ours.mail / peers.DOMAIN / "user0" / ".large", arguments.messages, (os.getuid(), os.getgid()))
        theirs.prepare()
        nobody = (stores.NOBODY.pw_uid, stores.NOBODY.pw_gid)
        place(theirs.mail / "user0" / ".large", arguments.messages, nobody)
        (mine, found), (other, wanted) = measure(ours, arguments.rounds), measure(theirs, arguments.rounds)
        print(
            f"{arguments.messages} messages, {os.cpu_count()} cores; seconds\n{'':14}  Mailframe    Dovecot"
        )
        for name, seconds in mine.items():
            print(f"{name:14} {seconds:10.3f} {other[name]:10.3f} {other[name] / seconds:8.1f}x")
        for name in SEARCHES:
            if found[name] != wanted[name]:
                print(f"{name}: the answers differ: {found[name]!r:.100} {wanted[name]!r:.100}")
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
