"""What the JSON files of an archive say, both ways. Pure.

Whatever is read comes from outside: types, ranges and lengths are checked, and keys that a later version added are
passed over.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from mailframe.store.values import TakenMailbox, TakenMessage
from mailframe.transfer.values import Folder, TransferError

FORMAT = "mailframe-archive"
VERSION = 1
RECORD_LIMIT = 1024 * 1024
"""Octets that a JSON file about one thing may have."""
SUBSCRIPTIONS_LIMIT = 64 * 1024 * 1024
TEXT_LIMIT = 4096
FLAGS_LIMIT = 1100
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = 1 << 32
_MODSEQ = 1 << 63


class Beginning(NamedTuple):
    """``archive.json``: whose mail it is, and when it was written."""

    account: str
    made: int


class End(NamedTuple):
    """``end.json``: the sum of all."""

    messages: int
    octets: int
    sha256: str


def beginning(record: Beginning) -> bytes:
    """As JSON."""
    return _dump({"format": FORMAT, "version": VERSION, "account": record.account, "made": record.made})


def parse_beginning(octets: bytes) -> Beginning:
    """From JSON.

    Raises:
        TransferError: it is damaged, or of a later version.
    """
    found = _load(octets)
    if found.get("format") != FORMAT:
        raise TransferError("This is no archive of Mailframe.")
    if found.get("version") != VERSION:
        raise TransferError(
            f"This archive is of version {found.get('version')!r}; version {VERSION} can be read."
        )
    return Beginning(_text(found, "account"), _number(found, "made", _MODSEQ))


def folder(record: Folder) -> bytes:
    """As JSON."""
    taken = record.taken
    return _dump(
        {
            "name": record.name,
            "uidvalidity": taken.uidvalidity,
            "uidnext": taken.uidnext,
            "highestmodseq": taken.highestmodseq,
            "mailbox_id": taken.mailbox_id,
            "special_use": taken.special_use,
            "messages": record.messages,
        }
    )


def parse_folder(octets: bytes, key: str) -> Folder:
    """From JSON.

    Raises:
        TransferError: it is damaged.
    """
    found = _load(octets)
    special_use = found.get("special_use")
    taken = TakenMailbox(
        _number(found, "uidvalidity"),
        _number(found, "uidnext"),
        _number(found, "highestmodseq", _MODSEQ),
        _text(found, "mailbox_id"),
        None if special_use is None else _text(found, "special_use"),
    )
    messages = None if found.get("messages") is None else _number(found, "messages")
    return Folder(_text(found, "name"), taken, messages, key)


def message(record: TakenMessage, sha256: str) -> bytes:
    """What is known of a message, as JSON."""
    return _dump(
        {
            "uid": record.uid,
            "flags": sorted(record.flags),
            "internal_date": record.internal_date,
            "modseq": record.modseq,
            "save_date": record.save_date,
            "email_id": record.email_id,
            "thread_id": record.thread_id,
            "uidl": record.uidl,
            "sha256": sha256,
        }
    )


def parse_message(octets: bytes) -> tuple[TakenMessage, str]:
    """From JSON: a message that has no content yet, and the SHA-256 of what it must be.

    Raises:
        TransferError: it is damaged.
    """
    found = _load(octets)
    flags = found.get("flags")
    if (
        not isinstance(flags, list)
        or len(flags) > FLAGS_LIMIT
        or not all(isinstance(flag, str) for flag in flags)
    ):
        raise _damaged("flags")
    taken = TakenMessage(
        None,
        _number(found, "uid"),
        frozenset(flags),
        _number(found, "internal_date", _MODSEQ),
        _number(found, "modseq", _MODSEQ),
        _number(found, "save_date", _MODSEQ),
        _text(found, "email_id"),
        _text(found, "thread_id"),
        _text(found, "uidl"),
    )
    return taken, _sha256(found)


def end(record: End) -> bytes:
    """As JSON."""
    return _dump(record._asdict())


def parse_end(octets: bytes) -> End:
    """From JSON.

    Raises:
        TransferError: it is damaged.
    """
    found = _load(octets)
    return End(_number(found, "messages", _MODSEQ), _number(found, "octets", _MODSEQ), _sha256(found))


def subscriptions(names: frozenset[str]) -> bytes:
    """As JSON."""
    return _dump({"subscriptions": sorted(names)})


def parse_subscriptions(octets: bytes) -> frozenset[str]:
    """From JSON.

    Raises:
        TransferError: it is damaged.
    """
    names = _load(octets).get("subscriptions")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _damaged("subscriptions")
    return frozenset(names)


def _dump(record: dict[str, Any]) -> bytes:
    # Escaped: also a name with half a surrogate pair, which no UTF-8 has, survives.
    return json.dumps(record, indent=1).encode("ascii") + b"\n"


def _load(octets: bytes) -> dict[str, Any]:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise _damaged("JSON") from None
    if not isinstance(found, dict):
        raise _damaged("JSON")
    return found


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key, "")
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise _damaged(key)
    return value


def _number(found: dict[str, Any], key: str, limit: int = _NUMBER) -> int:
    value = found.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise _damaged(key)
    return value


def _sha256(found: dict[str, Any]) -> str:
    value = _text(found, "sha256")
    if not _SHA256.fullmatch(value):
        raise _damaged("sha256")
    return value


def _damaged(what: str) -> TransferError:
    return TransferError(f"The archive is damaged: {what} of one of its files is not what it must be.")
