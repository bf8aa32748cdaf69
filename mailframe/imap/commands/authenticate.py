"""LOGIN and AUTHENTICATE (RFC 3501 sections 6.2.2 and 6.2.3, SASL-IR of RFC 4959)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from mailframe.dialogue.logins import Login, channel_of
from mailframe.directory.values import Identity
from mailframe.imap import metrics
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad
from mailframe.message.status import MailframeError, Status
from mailframe.sasl.values import Password

from .capability import capabilities

if TYPE_CHECKING:
    from mailframe.imap.session import Session

T = TypeVar("T")
Step = Awaitable[bytes | Identity]

PRIVACY_REQUIRED = Status((5, 7, 11), "Log in under TLS only", "PRIVACYREQUIRED")
NO_SUCH_MECHANISM = Status((5, 5, 4), "There is no such mechanism here", "CANNOT")


async def login(session: Session, arguments: Parser) -> Reply:
    """LOGIN: name and password as astrings."""
    arguments.space()
    name = arguments.astring()
    arguments.space()
    password = arguments.astring()
    arguments.end()
    if not session.logins.passwords_allowed(session.connection.confidential):
        raise MailframeError(PRIVACY_REQUIRED)
    try:
        authcid = name.decode("utf-8")
    except UnicodeDecodeError:
        raise bad("The name is not UTF-8") from None
    return await _enter(session, await _told(session, session.logins.check(Password(authcid, password))))


async def authenticate(session: Session, arguments: Parser) -> Reply | None:
    """AUTHENTICATE: one SASL exchange, framed in base64 lines."""
    arguments.space()
    name = arguments.atom().decode("ascii").upper()
    initial = _initial_response(arguments)
    connection, logins = session.connection, session.logins
    if not logins.allowed(connection.confidential):
        raise MailframeError(PRIVACY_REQUIRED)
    try:
        exchange = logins.start(name, connection.confidential, channel_of(connection))
    except KeyError:
        raise MailframeError(NO_SUCH_MECHANISM) from None
    return await _go_on(session, exchange, exchange.begin(initial))


def _initial_response(arguments: Parser) -> bytes | None:
    if arguments.at_end:
        return None
    arguments.space()
    response = arguments.astring()
    arguments.end()
    return response


async def _go_on(session: Session, exchange: Login, step: Step) -> Reply | None:
    said = await _told(session, step)
    if isinstance(said, Identity):
        return await _enter(session, said)

    async def answered(line: bytes) -> Reply | None:
        return await _go_on(session, exchange, exchange.answer(line))

    session.ask(said, answered)
    return None


async def _told(session: Session, step: Awaitable[T]) -> T:
    """What comes of a login; a failure is counted, and the last one ends the session."""
    try:
        return await step
    except MailframeError as error:
        (metrics.logins_deferred if error.status.temporary else metrics.logins_failed).inc()
        if session.logins.exhausted:
            session.bye_after_answer("Too many failed logins")
        raise


async def _enter(session: Session, identity: Identity) -> Reply:
    surroundings = session.surroundings
    name = identity.account.name
    await _told(session, _admitted(session, name))
    try:
        account = await surroundings.store.account(name)
    except BaseException:
        surroundings.limits.log_out(name)
        metrics.logins_deferred.inc()
        raise
    session.authenticated(identity, account)
    metrics.logins_succeeded.inc()
    return Reply("Logged in", f"CAPABILITY {capabilities(session)}")


async def _admitted(session: Session, name: str) -> None:
    """Count this session among the account's; there may be too many of them."""
    session.surroundings.limits.log_in(name)
