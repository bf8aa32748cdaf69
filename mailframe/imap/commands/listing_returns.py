"""What LIST returns of each mailbox beside its name, for clients that would ask for each (RFC 5819, 8440, 9590)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.wire import listing as options
from mailframe.imap.wire.listing import Listing
from mailframe.message.status import MailframeError

from .access import my_rights
from .metadata import metadata_response, named_entries
from .status_items import status_response

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def tell_more(session: Session, request: Listing, name: str) -> None:
    """Tell what was asked for; nothing where the session has no right to know, or the mailbox went away meanwhile."""
    wanted = request.returned
    try:
        if options.STATUS in wanted:
            session.write(await status_response(session, name, request.status_items))
        if options.MYRIGHTS in wanted:
            session.write(await my_rights(session, name))
        if options.METADATA in wanted:
            values = await named_entries(session, name, request.entries)
            session.write(metadata_response(session, name, values))
    except MailframeError as error:
        if not error.status.permanent:
            raise
