"""How messages and recipients lie in the tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import apsw

from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin, ProxyFacts, ProxyTLS, TLSFacts
from mailframe.message.status import Status
from mailframe.queue.values import Place, QueuedMessage, QueuedRecipient, State

Row = tuple[Any, ...]
Values = Sequence[Any]

STATES: Final = (State.DUE, State.LEASED, State.HELD, State.DELIVERED, State.FAILED)
"""In the order of their numbers."""
NUMBERS: Final = {state: number for number, state in enumerate(STATES)}
DUE, LEASED, HELD, DELIVERED, FAILED = range(5)

MESSAGE: Final = "queue_id, envelope, origin, arrived, expires, lane, size, account, reason"
RECIPIENT: Final = (
    "number, local_part, domain, parameters, destination, queue, state, due, review, attempts, delay_told, status,"
    " host, attempted"
)
RECIPIENT_WIDTH: Final = 14

_ORIGIN: Final = ("session_id", "peer", "peer_port", "local_port", "protocol", "helo", "extended", "login")


def first(connection: apsw.Connection, sql: str, values: Values = ()) -> Any:
    """The first row of an answer, None where there is none."""
    return connection.execute(sql, values).fetchone()


def every(connection: apsw.Connection, sql: str, values: Values = ()) -> list[Any]:
    """All rows of an answer."""
    return connection.execute(sql, values).fetchall()


def message_of(row: Row) -> QueuedMessage:
    """A message from the columns of `MESSAGE`."""
    queue_id, envelope, origin, arrived, expires, lane, size, account, reason = row
    return QueuedMessage(
        queue_id, _envelope_in(envelope), _origin_in(origin), arrived, expires, lane, size, account, reason
    )


def recipient_of(row: Row) -> QueuedRecipient:
    """A recipient from the columns of `RECIPIENT`."""
    number, local_part, domain, parameters, destination, queue, state, due, review = row[:9]
    attempts, delay_told, status, host, attempted = row[9:]
    return QueuedRecipient(
        number,
        Recipient(Address(local_part, domain), json.loads(parameters)),
        Place(destination, queue),
        STATES[state],
        due,
        review,
        attempts,
        bool(delay_told),
        status_of(status),
        host,
        attempted,
    )


def message_row(message: QueuedMessage) -> Row:
    """The columns of ``message`` from ``queue_id`` to ``reason``."""
    sender = message.envelope.reverse_path
    return (
        message.queue_id,
        None if sender is None else text_of(sender),
        _envelope_out(message.envelope),
        _origin_out(message.origin),
        message.arrived,
        message.expires,
        message.lane,
        message.size,
        clean(message.account),
        clean(message.reason),
    )


def recipient_row(message: int, lane: int, recipient: QueuedRecipient, runner: int | None) -> Row:
    """The columns of ``recipient`` in order."""
    address, parameters = recipient.recipient.forward_path, recipient.recipient.parameters
    return (
        message,
        recipient.number,
        address.local_part,
        address.domain,
        json.dumps(parameters) if parameters else "{}",
        recipient.place.destination,
        recipient.place.queue,
        lane,
        *standing(recipient),
        runner if recipient.state is State.LEASED else None,
    )


def standing(recipient: QueuedRecipient) -> Row:
    """How a recipient stands: the columns from ``state`` to ``attempted``."""
    return (
        NUMBERS[recipient.state],
        recipient.due,
        recipient.review,
        recipient.attempts,
        int(recipient.delay_told),
        status_text(recipient.status),
        clean(recipient.host),
        recipient.attempted,
    )


def text_of(address: Address) -> str:
    """An address as patterns are compared with it: without quoting."""
    return f"{address.local_part}@{address.domain}" if address.domain else address.local_part


def status_text(status: Status | None) -> str | None:
    """A status as JSON."""
    if status is None:
        return None
    return json.dumps([*status.enhanced, status.text, status.word, status.reply_code])


def status_of(text: str | None) -> Status | None:
    """A status from what `status_text` made."""
    if text is None:
        return None
    first, second, third, words, word, code = json.loads(text)
    return Status((first, second, third), words, word, code)


def clean(text: str) -> str:
    """A text without what UTF-8 cannot say: lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _envelope_out(envelope: Envelope) -> str:
    sender = envelope.reverse_path
    path = None if sender is None else [sender.local_part, sender.domain]
    return json.dumps([path, envelope.parameters])


def _envelope_in(text: str) -> Envelope:
    path, parameters = json.loads(text)
    return Envelope(None if path is None else Address(*path), [], parameters)


def _origin_out(origin: Origin) -> str:
    # By hand: `dataclasses.asdict` took 25 of the 60 microseconds that adding a message cost.
    value: dict[str, Any] = {name: getattr(origin, name) for name in _ORIGIN}
    if origin.attributes:
        value["attributes"] = origin.attributes
    if origin.tls is not None:
        value["tls"] = asdict(origin.tls)
    if origin.proxy is not None:
        value["proxy"] = asdict(origin.proxy)
        value["proxy"]["extensions"] = [[kind, octets.hex()] for kind, octets in origin.proxy.extensions]
    return json.dumps(value)


def _origin_in(text: str) -> Origin:
    value = json.loads(text)
    tls, proxy = value.pop("tls", None), value.pop("proxy", None)
    return Origin(
        **value,
        tls=None if tls is None else TLSFacts(**tls),
        proxy=None if proxy is None else _proxy_in(proxy),
    )


def _proxy_in(value: dict[str, Any]) -> ProxyFacts:
    tls = value["tls"]
    extensions = tuple((kind, bytes.fromhex(octets)) for kind, octets in value["extensions"])
    return ProxyFacts(**{**value, "tls": None if tls is None else ProxyTLS(**tls), "extensions": extensions})
