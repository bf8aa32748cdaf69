"""CAPABILITY, NOOP, CHECK, LOGOUT, ID: what may always be said (RFC 3501 sections 6.1 and 6.4.1, RFC 2971)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mailframe
from mailframe.dialogue.logins import channel_of
from mailframe.imap.states import Reply, State
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import string

if TYPE_CHECKING:
    from mailframe.imap.session import Session

ALWAYS = ("ENABLE", "ID", "IDLE")
"""What every session has."""
BEFORE_LOGIN = ("SASL-IR",)
"""What matters before login; a stranger need not know all the rest."""
AFTER_LOGIN = (
    "BINARY",
    "CATENATE",
    "CHILDREN",
    "CONDSTORE",
    "CONTEXT=SEARCH",
    "CREATE-SPECIAL-USE",
    "ESEARCH",
    "ESORT",
    "I18NLEVEL=1",
    "INPROGRESS",
    "LIST-EXTENDED",
    "LIST-METADATA",
    "LIST-STATUS",
    "METADATA",
    "MOVE",
    "MULTISEARCH",
    "NAMESPACE",
    "PARTIAL",
    "MULTIAPPEND",
    "NOTIFY",
    "OBJECTID",
    "PREVIEW",
    "QRESYNC",
    "QUOTA",
    "QUOTA=RES-MESSAGE",
    "QUOTA=RES-STORAGE",
    "QUOTASET",
    "SEARCHRES",
    "REPLACE",
    "SAVEDATE",
    "SORT",
    "SORT=DISPLAY",
    "SPECIAL-USE",
    "STATUS=SIZE",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "THREAD=REFS",
    "UIDONLY",
    "UIDPLUS",
    "UNAUTHENTICATE",
    "UNSELECT",
    "UTF8=ACCEPT",
    "WITHIN",
)
"""What sessions have after login; each name only when everything behind it is there."""
WITH_SHARING = ("ACL", "LIST-MYRIGHTS", "RIGHTS=kxte")
"""What they have besides where mailboxes are shared."""
ID_FIELDS_LIMIT = 30
"""Field-value pairs ID may have (RFC 2971 section 3.3)."""


def capabilities(session: Session) -> str:
    """What this session can do now, as CAPABILITY lists it."""
    if session.state is not State.NOT_AUTHENTICATED:
        shared = WITH_SHARING if session.surroundings.namespaces is not None else ()
        compress = (
            () if session.connection.compressed or not session.settings.compress else ("COMPRESS=DEFLATE",)
        )
        limits = [f"APPENDLIMIT={session.settings.append_limit}"]
        if session.settings.message_limit:
            limits.append(f"MESSAGELIMIT={session.settings.message_limit}")
        return " ".join([*_always(session), *AFTER_LOGIN, *shared, *compress, *limits])
    names = [*_always(session), *BEFORE_LOGIN]
    if session.surroundings.tls is not None and not session.connection.confidential:
        names.append("STARTTLS")
    connection, logins = session.connection, session.logins
    mechanisms = logins.mechanisms(connection.confidential, channel_of(connection))
    names += [f"AUTH={name}" for name in mechanisms]
    if not logins.passwords_allowed(connection.confidential):
        names.append("LOGINDISABLED")
    return " ".join(names)


def _always(session: Session) -> tuple[str, ...]:
    return ("IMAP4rev2", "IMAP4rev1", "LITERAL+" if session.settings.literal_plus else "LITERAL-", *ALWAYS)


async def capability(session: Session, arguments: Parser) -> Reply:
    """CAPABILITY (RFC 3501 section 6.1.1)."""
    arguments.end()
    session.write(b"* CAPABILITY %b\r\n" % capabilities(session).encode("ascii"))
    return Reply("CAPABILITY completed")


async def noop(session: Session, arguments: Parser) -> Reply:
    """NOOP: a look at what is new (RFC 3501 section 6.1.2)."""
    arguments.end()
    await session.announce(expunges=True, look=True)
    return Reply("NOOP completed")


async def check(session: Session, arguments: Parser) -> Reply:
    """CHECK: the store keeps its own house, so this is NOOP (RFC 3501 section 6.4.1)."""
    arguments.end()
    await session.announce(expunges=True, look=True)
    return Reply("CHECK completed")


async def logout(session: Session, arguments: Parser) -> None:
    """LOGOUT (RFC 3501 section 6.1.3)."""
    arguments.end()
    session.logout()


async def identify(session: Session, arguments: Parser) -> Reply:
    """ID: both sides say which program they are; the client's word goes to the log (RFC 2971)."""
    arguments.space()
    fields = _fields(arguments)
    arguments.end()
    session.client = " ".join(fields.get(name, "") for name in ("name", "version")).strip()[:200]
    pairs = (b"name", b"Mailframe", b"version", mailframe.__version__.encode("ascii"))
    session.write(b"* ID (%b)\r\n" % b" ".join(map(string, pairs)))
    return Reply("ID completed")


def _fields(parser: Parser) -> dict[str, str]:
    fields: dict[str, str] = {}
    if not parser.accept(b"("):
        parser.nstring()
        return fields
    if parser.accept(b")"):
        return fields
    for _ in range(ID_FIELDS_LIMIT):
        name = parser.string().decode("utf-8", "replace").lower()
        parser.space()
        fields[name] = (parser.nstring() or b"").decode("utf-8", "replace")
        if parser.accept(b")"):
            return fields
        parser.space()
    raise bad("Too many fields in ID")
