"""LOGIN and AUTHENTICATE (RFC 3501 sections 6.2.2 and 6.2.3, SASL-IR of RFC 4959)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap import metrics
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad
from mailframe.message.status import MailframeError, Status
from mailframe.sasl.exchange import Exchange
from mailframe.sasl.mechanisms import MECHANISMS, Password

from .capability import capabilities

if TYPE_CHECKING:
    from mailframe.imap.session import Session

PRIVACY_REQUIRED = Status((5, 7, 11), "Log in under TLS only", "PRIVACYREQUIRED")
NO_SUCH_MECHANISM = Status((5, 5, 4), "There is no such mechanism here", "CANNOT")


async def login(session: Session, arguments: Parser) -> Reply:
    """LOGIN: name and password as astrings."""
    arguments.space()
    name = arguments.astring()
    arguments.space()
    password = arguments.astring()
    arguments.end()
    _check_private(session)
    try:
        authcid = name.decode("utf-8")
    except UnicodeDecodeError:
        raise bad("The name is not UTF-8") from None
    return await _enter(session, Password(authcid, password))


async def authenticate(session: Session, arguments: Parser) -> Reply | None:
    """AUTHENTICATE: one SASL exchange, framed in base64 lines."""
    arguments.space()
    name = arguments.atom().decode("ascii").upper()
    initial = _initial_response(arguments)
    _check_private(session)
    if name not in MECHANISMS:
        raise MailframeError(NO_SUCH_MECHANISM)
    exchange = Exchange(name)
    return await _go_on(session, exchange, exchange.begin(initial))


def _initial_response(arguments: Parser) -> bytes | None:
    if arguments.at_end:
        return None
    arguments.space()
    response = arguments.astring()
    arguments.end()
    return response


async def _go_on(session: Session, exchange: Exchange, said: bytes | Password) -> Reply | None:
    if isinstance(said, Password):
        return await _enter(session, said)

    async def answered(line: bytes) -> Reply | None:
        return await _go_on(session, exchange, exchange.answer(line))

    session.ask(said, answered)
    return None


async def _enter(session: Session, password: Password) -> Reply:
    surroundings = session.surroundings
    try:
        identity = await session.logins.check(password)
        surroundings.limits.log_in(identity.account.name)
    except MailframeError as error:
        (metrics.logins_deferred if error.status.temporary else metrics.logins_failed).inc()
        if session.logins.exhausted:
            session.bye_after_answer("Too many failed logins")
        raise
    try:
        account = await surroundings.store.account(identity.account.name)
    except BaseException:
        surroundings.limits.log_out(identity.account.name)
        metrics.logins_deferred.inc()
        raise
    session.authenticated(identity, account)
    metrics.logins_succeeded.inc()
    return Reply("Logged in", f"CAPABILITY {capabilities(session)}")


def _check_private(session: Session) -> None:
    if not session.logins.allowed(session.connection.secure):
        raise MailframeError(PRIVACY_REQUIRED)
