"""Octets per second of the dot-stuffing of SMTP and POP3 data, by kind of content and chunk size.

Run: ``python benchmarks/dotstuffing.py``. Each figure is the best of several rounds.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from mailframe.dialogue.dotstuffing import DotReader, DotWriter

LETTERS = b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789+/="


def lines(dots: float) -> bytes:
    """Some megabytes of lines, of which a share begins with a dot."""
    source = random.Random(1)
    made = []
    for _ in range(20_000):
        line = bytes(source.choices(LETTERS, k=source.randint(20, 76)))
        made.append(b".." + line if source.random() < dots else line)
    return b"\r\n".join(made)


def rate(work: Callable[[bytes], bytes], octets: bytes, chunk: int) -> float:
    """Megabytes per second."""
    chunks = [octets[begin : begin + chunk] for begin in range(0, len(octets), chunk)]
    best = 0.0
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(10):
            for piece in chunks:
                work(piece)
        best = max(best, 10 * len(octets) / (time.perf_counter() - began) / 1e6)
    return best


def main() -> None:
    for name, dots in (("no dot lines", 0.0), ("one line in twenty", 0.05)):
        octets = lines(dots)
        for chunk in (4096, 65536):
            print(
                f"{name:18} chunks of {chunk:5}: read {rate(DotReader().feed, octets, chunk):5.0f} MB/s, "
                f"write {rate(DotWriter().write, octets, chunk):5.0f} MB/s"
            )


if __name__ == "__main__":
    main()
