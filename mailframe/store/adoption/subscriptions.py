"""Subscription lists: Dovecot's ``subscriptions``, both versions, and Courier's ``courierimapsubscribed``.

A name is a tuple of its levels, each as it is written: in modified UTF-7, or since Courier 1.0 in UTF-8. Courier's
names begin with ``INBOX``, under which all its folders are. Version 2 of Dovecot's has a tab between levels, with
tabs and line ends of a level escaped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from .broken import lines_of

Levels = tuple[str, ...]
"""A mailbox's name, level by level."""

_VERSION_2 = b"V\t2\n\n"
_ESCAPES = {"\x01": "\x011", "\t": "\x01t", "\r": "\x01r", "\n": "\x01n", "\x00": "\x010"}
_ESCAPED = {escape: char for char, escape in _ESCAPES.items()}
_ESCAPE = re.compile("[\x01\t\r\n\x00]")
_UNESCAPE = re.compile("\x01.", re.DOTALL)


def read(octets: bytes, separator: str = ".") -> list[Levels]:
    """Names in Dovecot's file, in its order, each once.

    Args:
        separator: between levels in version 1: ``.``, or ``/`` in the file-system layout.
    """
    if octets.startswith(_VERSION_2):
        lines = lines_of(octets.removeprefix(_VERSION_2))
        names = (tuple(map(_unescaped, line.split("\t"))) for line in lines)
    else:
        names = (tuple(line.split(separator)) for line in lines_of(octets))
    return list(dict.fromkeys(_inbox(name) for name in names if all(name)))


def write(names: Iterable[Levels], version: int = 2, separator: str = ".") -> bytes:
    """Dovecot's file of these names; in version 1 those that it cannot hold are left out."""
    if version == 2:
        lines = ["\t".join(map(_escaped, name)) for name in names]
        return _VERSION_2 + os.fsencode("".join(f"{line}\n" for line in lines))
    return _plain((name for name in names if _is_plain(name, separator)), separator)


def read_courier(octets: bytes) -> list[Levels]:
    """Names in Courier's file, in its order, each once; without the ``INBOX`` in front of folders."""
    found = (name[1:] or ("INBOX",) for name in read(octets) if name[0].upper() == "INBOX")
    return list(dict.fromkeys(found))


def write_courier(names: Iterable[Levels]) -> bytes:
    """Courier's file of these names; those that it cannot hold are left out."""
    plain = (name for name in names if _is_plain(name, "."))
    return _plain((name if name == ("INBOX",) else ("INBOX", *name) for name in plain), ".")


def _plain(names: Iterable[Levels], separator: str) -> bytes:
    return os.fsencode("".join(f"{separator.join(name)}\n" for name in names))


def _is_plain(name: Levels, separator: str) -> bool:
    return not any(separator in level or "\n" in level for level in name)


def _inbox(name: Levels) -> Levels:
    return ("INBOX",) if len(name) == 1 and name[0].upper() == "INBOX" else name


def _escaped(level: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES[match[0]], level)


def _unescaped(level: str) -> str:
    return _UNESCAPE.sub(lambda match: _ESCAPED.get(match[0], match[0][1:]), level)
