"""How messages and recipients lie in the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin, ProxyFacts, ProxyTLS, TLSFacts
from mailframe.message.status import Status
from mailframe.queue.values import Place, QueuedMessage, QueuedRecipient, State

Row = tuple[Any, ...]

MESSAGE: Final = (
    "m.queue_id, m.envelope::text, m.origin::text, m.arrived, m.expires, m.lane, m.size, m.account, m.reason"
)
RECIPIENT: Final = (
    "r.number, r.local_part, r.domain, r.parameters::text, r.destination, r.queue, r.state, r.due, r.review,"
    " r.attempts, r.delay_told, r.status::text, r.host, r.attempted"
)
RECIPIENT_WIDTH: Final = 14

_NUL: Final = "\x00"


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
        State(state),
        due,
        review,
        attempts,
        delay_told,
        status_of(status),
        host,
        attempted,
    )


def message_row(message: QueuedMessage) -> Row:
    """The columns of ``spool_message`` in order."""
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


def recipient_row(queue_id: str, lane: int, recipient: QueuedRecipient, runner: str | None) -> Row:
    """The columns of ``spool_recipient`` in order."""
    address = recipient.recipient.forward_path
    return (
        queue_id,
        recipient.number,
        text_of(address),
        address.domain,
        address.local_part,
        json.dumps(recipient.recipient.parameters),
        recipient.place.destination,
        recipient.place.queue,
        lane,
        *standing(recipient),
        runner if recipient.state is State.LEASED else None,
    )


def standing(recipient: QueuedRecipient) -> Row:
    """How a recipient stands: the columns from ``state`` to ``attempted``."""
    return (
        recipient.state.value,
        recipient.due,
        recipient.review,
        recipient.attempts,
        recipient.delay_told,
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
    return json.dumps(
        [*status.enhanced, clean(status.text), status.word, status.reply_code], ensure_ascii=False
    )


def status_of(text: str | None) -> Status | None:
    """A status from what `status_text` made."""
    if text is None:
        return None
    first, second, third, words, word, code = json.loads(text)
    return Status((first, second, third), words, word, code)


def clean(text: str) -> str:
    """A text without what PostgreSQL cannot keep: NUL and lone surrogates."""
    return text.replace(_NUL, "\ufffd").encode("utf-8", "replace").decode()


def _envelope_out(envelope: Envelope) -> str:
    sender = envelope.reverse_path
    path = None if sender is None else [sender.local_part, sender.domain]
    # ASCII, and of the type json, not jsonb: so anything a parameter may hold comes back as it was.
    return json.dumps({"reverse_path": path, "parameters": envelope.parameters})


def _envelope_in(text: str) -> Envelope:
    value = json.loads(text)
    path = value["reverse_path"]
    return Envelope(None if path is None else Address(*path), [], value["parameters"])


def _origin_out(origin: Origin) -> str:
    value = asdict(origin)
    if origin.proxy is not None:
        extensions: Sequence[tuple[int, bytes]] = origin.proxy.extensions
        value["proxy"]["extensions"] = [[kind, octets.hex()] for kind, octets in extensions]
    return json.dumps(value)


def _origin_in(text: str) -> Origin:
    value = json.loads(text)
    tls, proxy = value.pop("tls"), value.pop("proxy")
    origin = Origin(**value, proxy=None if proxy is None else _proxy_in(proxy))
    origin.tls = None if tls is None else TLSFacts(**tls)
    return origin


def _proxy_in(value: Mapping[str, Any]) -> ProxyFacts:
    tls = value["tls"]
    extensions = tuple((kind, bytes.fromhex(octets)) for kind, octets in value["extensions"])
    return ProxyFacts(**{**value, "tls": None if tls is None else ProxyTLS(**tls), "extensions": extensions})
