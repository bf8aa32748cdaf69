"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208 section 4.1).

An account is one quota root, whose name is empty; a mailbox with a limit of its own is another. STORAGE is told in
units of 1024 octets, rounded up. Limits are set where accounts are kept, so nobody may by SETQUOTA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import decode, mailbox
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.message.status import MailframeError, Status
from mailframe.store.quota import QuotaRoot

if TYPE_CHECKING:
    from mailframe.imap.session import Session

RESOURCES = ("STORAGE", "MESSAGE")
LIMITS_LIMIT = 20
"""Resources one SETQUOTA may name."""
NO_SUCH_ROOT = Status((5, 5, 4), "There is no such quota root", "NONEXISTENT")
NOT_YOURS = Status((5, 7, 1), "Quotas are set by the administrator, where accounts are kept", "NOPERM")


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
    """SETQUOTA: refused, with what to do instead."""
    arguments.space()
    arguments.astring()
    arguments.space()
    _limits(arguments)
    arguments.end()
    raise MailframeError(NOT_YOURS)


async def _root(session: Session, name: str) -> QuotaRoot:
    for root in await session.mailboxes.quotas():
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
    return -(-octets // 1024)


def _limits(parser: Parser) -> None:
    parser.expect(b"(")
    if parser.accept(b")"):
        return
    for _ in range(LIMITS_LIMIT):
        parser.atom()
        parser.space()
        parser.number64()
        if parser.accept(b")"):
            return
        parser.space()
    raise bad("Too many resources")
