"""GETMETADATA and SETMETADATA: annotations of mailboxes and of the account (RFC 5464).

The empty name means the server: its ``/private`` entries are the account's, its ``/shared`` ones the administrator's,
who sets them in the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.annotations import (
    GetOptions,
    entry_names,
    entry_values,
    get_options,
    render_entries,
    starts_options,
)
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.message.status import MailframeError, Status
from mailframe.store.sharing.entries import SHARED, fits

if TYPE_CHECKING:
    from mailframe.imap.session import Session

NOT_YOURS = Status((5, 7, 1), "What the server says for all is set by its administrator", "NOPERM")
ADMIN, COMMENT = "/shared/admin", "/shared/comment"


async def get_metadata(session: Session, arguments: Parser) -> Reply:
    """GETMETADATA: entries by name, or with all below them."""
    arguments.space()
    before = arguments.peek() == b"("
    options = get_options(arguments) if before else GetOptions()
    if before:
        arguments.space()
    name = mailbox(arguments)
    arguments.space()
    if not before and starts_options(arguments):
        # The grammar of RFC 5464 has them in front of the name, its examples behind it.
        options = get_options(arguments)
        arguments.space()
    entries = entry_names(arguments)
    arguments.end()
    found = await _entries(session, name, entries, options.depth)
    limit = options.max_size
    longest = max((len(value) for value in found.values() if value is not None), default=0)
    if limit is None or longest <= limit:
        session.write(metadata_response(session, name, found))
        return Reply("GETMETADATA completed")
    short = {entry: value for entry, value in found.items() if value is None or len(value) <= limit}
    session.write(metadata_response(session, name, short))
    return Reply("GETMETADATA completed without the longest", f"METADATA LONGENTRIES {longest}")


async def set_metadata(session: Session, arguments: Parser) -> Reply:
    """SETMETADATA: set entries, or remove them where the value is NIL; all or none."""
    arguments.space()
    name = mailbox(arguments)
    arguments.space()
    values = entry_values(arguments)
    arguments.end()
    if not name and any(entry.startswith(SHARED + "/") for entry in values):
        raise MailframeError(NOT_YOURS)
    await session.mailboxes.set_metadata(name or None, values)
    return Reply("SETMETADATA completed")


async def named_entries(session: Session, name: str, entries: Sequence[str]) -> Mapping[str, bytes | None]:
    """Entries by name; None for those that are not set.

    Raises:
        MailframeError: ``NONEXISTENT``, ``NOPERM``, or a temporary one.
    """
    return await _entries(session, name, entries, 0)


def metadata_response(session: Session, name: str, values: Mapping[str, bytes | None]) -> bytes:
    """The METADATA response, whole; nothing where there is nothing to tell."""
    if not values:
        return b""
    spelt = mailbox_name(name, session.enabled.utf8_names)
    return b"* METADATA %b %b\r\n" % (spelt, render_entries(values.items()))


async def _entries(
    session: Session, name: str, entries: Sequence[str], depth: int
) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = dict.fromkeys(entries) if not depth else {}
    found.update(await session.mailboxes.metadata(name or None, entries, depth))
    if not name:
        for entry, value in _of_server(session).items():
            if value and any(fits(entry, wanted, depth) for wanted in entries):
                found[entry] = value.encode("utf-8")
    return found


def _of_server(session: Session) -> Mapping[str, str]:
    return {ADMIN: session.settings.administrator, COMMENT: session.settings.comment}
