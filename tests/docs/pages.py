"""Reads the documentation's pages: their blocks, with language and class."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATED = ("options.rst", "commands.rst", "metrics.rst")
PAGES = sorted(page for page in DOCS.glob("*.rst") if page.name not in GENERATED)
_BLOCK = re.compile(r"^(?P<head>\.\. code-block:: (?P<language>\w+)|(?!\.\.)[^\n]*::)\n", re.M)


@dataclass(frozen=True)
class Block:
    """One literal block.

    Attributes:
        language: "" for a block that a double colon begins.
        classes: what ``:class:`` says.
        text: without indentation.
    """

    language: str
    classes: str
    text: str


def blocks(page: Path) -> list[Block]:
    """All literal blocks of a page, in order."""
    source = page.read_text()
    found = []
    for match in _BLOCK.finditer(source):
        body = re.match(r"(?:[ \t]*\n|[ \t]+[^\n]*\n)*", source[match.end() :])
        assert body is not None
        text = textwrap.dedent(body[0]).strip("\n")
        options, _, rest = text.partition("\n\n")
        classes = re.match(r":class: (.*)", options)
        found.append(Block(match["language"] or "", classes[1] if classes else "", rest if classes else text))
    return found


def commands(page: Path) -> list[str]:
    """The lines of a page's blocks without a language, comments left out: what people type."""
    lines = (line for block in blocks(page) if not block.language for line in block.text.splitlines())
    return [line.partition("  #")[0].strip() for line in lines if line.partition("#")[0].strip()]
