"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208 section 4.1).

An account is one quota root, whose name is empty; a mailbox with a limit of its own is another. STORAGE is told in
units of 1024 octets, rounded up. The administrator's limits are set where accounts are kept; by SETQUOTA the owner
sets his own, within those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import decode, mailbox
from mailframe.imap.wire.parser import NUMBER64_LIMIT, Parser, bad
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.message.status import MailframeError, Status
from mailframe.store.names import canonical
from mailframe.store.quota import UNIT, Limit, QuotaRoot

if TYPE_CHECKING:
    from mailframe.imap.session import Session

STORAGE, MESSAGE = "STORAGE", "MESSAGE"
LIMITS_LIMIT = 20
"""Resources one SETQUOTA may name."""
NO_SUCH_ROOT = Status((5, 5, 4), "There is no such quota root", "NONEXISTENT")
NO_SUCH_RESOURCE = Status((5, 5, 4), "Only STORAGE and MESSAGE can be limited", "CANNOT")


async def get_quota(session: Session, arguments: Parser) -> Reply:
    """GETQUOTA: limits and usage of a quota root of one's own account."""
    arguments.space()
    name = decode(arguments.astring(), session.enabled.utf8_names)
    arguments.end()
    root = await _root(session, name)
    session.write(_response(session, root))
    return Reply("GETQUOTA completed")


async def get_quota_root(session: Session, arguments: Parser) -> Reply:
    """GETQUOTAROOT: what limits a mailbox, which need not exist."""
    arguments.space()
    name = mailbox(arguments)
    arguments.end()
    roots = await session.mailboxes.quotas(name)
    spelt = mailbox_name(name, session.enabled.utf8_names)
    names = b"".join([b" " + _spelt(session, root) for root in roots])
    session.write(b"* QUOTAROOT %b%b\r\n" % (spelt, names))
    for root in roots:
        session.write(_response(session, root))
    return Reply("GETQUOTAROOT completed")


async def set_quota(session: Session, arguments: Parser) -> Reply:
    """SETQUOTA: one's own limits of a quota root, in place of those before."""
    arguments.space()
    name = decode(arguments.astring(), session.enabled.utf8_names)
    arguments.space()
    limits = _limits(arguments)
    arguments.end()
    root = await session.mailboxes.set_quota(name, _own(limits))
    # A list of limits is never empty: of a root that is not limited any more nothing can be told.
    if root.limit:
        session.write(_response(session, root))
    return Reply("SETQUOTA completed")


def _own(limits: Mapping[str, int]) -> Limit:
    """Limits as the store has them; a limit of 0 is rounded up, for 0 is none.

    Raises:
        MailframeError: ``CANNOT``: something else is to be limited.
    """
    if limits.keys() - {STORAGE, MESSAGE}:
        raise MailframeError(NO_SUCH_RESOURCE)
    octets = min(limits[STORAGE] * UNIT or 1, NUMBER64_LIMIT) if STORAGE in limits else 0
    return Limit(octets, limits[MESSAGE] or 1 if MESSAGE in limits else 0)


async def _root(session: Session, name: str) -> QuotaRoot:
    """One of one's own account, or of a mailbox of somebody else's.

    Raises:
        MailframeError: ``NONEXISTENT``.
    """
    name = canonical(name)
    for mailbox_of in (None, name):
        for root in await session.mailboxes.quotas(mailbox_of):
            if root.name == name:
                return root
    raise MailframeError(NO_SUCH_ROOT)


def _response(session: Session, root: QuotaRoot) -> bytes:
    told = []
    if root.limit.octets:
        told.append(b"STORAGE %d %d" % (_units(root.usage.octets), _units(root.limit.octets)))
    if root.limit.messages:
        told.append(b"MESSAGE %d %d" % (root.usage.messages, root.limit.messages))
    return b"* QUOTA %b (%b)\r\n" % (_spelt(session, root), b" ".join(told))


def _spelt(session: Session, root: QuotaRoot) -> bytes:
    return mailbox_name(root.name, session.enabled.utf8_names)


def _units(octets: int) -> int:
    return -(-octets // UNIT)


def _limits(parser: Parser) -> dict[str, int]:
    """setquota-list: limits by resource, in capitals."""
    limits: dict[str, int] = {}
    parser.expect(b"(")
    if parser.accept(b")"):
        return limits
    for _ in range(LIMITS_LIMIT):
        name = parser.atom().decode("ascii").upper()
        if name in limits:
            raise bad("A resource is named twice")
        parser.space()
        limits[name] = parser.number64()
        if parser.accept(b")"):
            return limits
        parser.space()
    raise bad("Too many resources")
