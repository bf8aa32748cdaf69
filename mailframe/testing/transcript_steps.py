"""The files of `mailframe.testing.transcripts`, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_STEP = re.compile(r"(\d*)([CSUNXDT])([:%*]):?(?: (.*))?\Z")


class TranscriptError(AssertionError):
    """The server said something else, or the file cannot be understood."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a case.

    Attributes:
        line: its number in the file, from 1.
        session: which connection.
        word: ``C`` and so on; ``S*`` is ``*``.
        octets: the text; for the client as it is sent, CRLF included where that belongs to it.
    """

    line: int
    session: str
    word: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Transcript:
    """A case.

    Attributes:
        name: for messages.
        title: its first comment.
        options: what ``@`` lines give.
        steps: all steps in order.
    """

    name: str
    title: str
    options: Mapping[str, str]
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str, name: str = "transcript") -> Transcript:
        """Read a case from its text.

        Raises:
            TranscriptError: a line is no step.
        """
        title, options, steps = "", {}, []
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("#"):
                title = title or line[1:].strip()
            elif line.startswith("@"):
                key, _, value = line[1:].partition(" ")
                options[key] = value.strip()
            elif line.strip():
                steps.append(_step(name, number, line))
        return cls(name, title, options, tuple(steps))


def grouped(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Steps that belong together: C after C and U after U of one session."""
    group: list[Step] = []
    for step in steps:
        if group and not (
            step.word in "CU" and (step.word, step.session) == (group[0].word, group[0].session)
        ):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _step(name: str, number: int, line: str) -> Step:
    found = _STEP.match(line)
    if found is None:
        raise TranscriptError(f"{name}:{number}: {line!r} is no step")
    session, word, kind, text = found.groups()
    octets = unquote_to_bytes(text or "") if kind == "%" else (text or "").encode()
    if word == "C" and kind == ":":
        octets += b"\r\n"
    return Step(number, session, "*" if kind == "*" else word, octets)
