"""LOGIN and AUTHENTICATE (RFC 3501 sections 6.2.2 and 6.2.3, SASL-IR of RFC 4959)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from twisted.logger import Logger

from mailframe.directory.values import Credentials
from mailframe.imap import metrics
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad
from mailframe.message.status import MailframeError, Status
from mailframe.sasl.mechanisms import MECHANISMS, Password, ServerMechanism

from .capability import capabilities

if TYPE_CHECKING:
    from mailframe.imap.session import Session

PRIVACY_REQUIRED = Status((5, 7, 11), "Log in under TLS only", "PRIVACYREQUIRED")
NO_SUCH_MECHANISM = Status((5, 5, 4), "There is no such mechanism here", "CANNOT")

log = Logger()


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
    mechanism = MECHANISMS.get(name)
    if mechanism is None:
        raise MailframeError(NO_SUCH_MECHANISM)
    return await _step(session, mechanism(), initial)


def _initial_response(arguments: Parser) -> bytes | None:
    if arguments.at_end:
        return None
    arguments.space()
    # RFC 4959 section 3: "=" is an initial response of no octets.
    response = b"" if arguments.accept(b"=") else _decoded(arguments.astring())
    arguments.end()
    return response


async def _step(session: Session, mechanism: ServerMechanism, response: bytes | None) -> Reply | None:
    said = mechanism.step(response)
    if isinstance(said, Password):
        return await _enter(session, said)

    async def answered(line: bytes) -> Reply | None:
        if line == b"*":
            raise bad("Authentication cancelled")
        return await _step(session, mechanism, _decoded(line))

    session.ask(base64.b64encode(said.octets), answered)
    return None


async def _enter(session: Session, password: Password) -> Reply:
    peer = session.connection.peer
    credentials = Credentials(password.authcid, password.password, password.authzid, peer, "imap")
    surroundings = session.surroundings
    try:
        identity = await surroundings.authenticator.authenticate(credentials)
        surroundings.limits.log_in(identity.account.name)
    except MailframeError as error:
        _failed(session, password.authcid, error)
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


def _failed(session: Session, authcid: str, error: MailframeError) -> None:
    if error.status.temporary:
        metrics.logins_deferred.inc()
        return
    metrics.logins_failed.inc()
    log.warn(
        "login {login!r} from {peer} refused: {reason}",
        login=authcid[:200],
        peer=session.connection.peer,
        reason=error.reason,
        session_id=session.session_id,
    )
    session.failed_logins += 1
    if session.failed_logins >= session.settings.login_failures_limit:
        session.bye_after_answer("Too many failed logins")


def _check_private(session: Session) -> None:
    if not session.may_log_in:
        raise MailframeError(PRIVACY_REQUIRED)


def _decoded(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error:
        raise bad("That is not base64") from None
