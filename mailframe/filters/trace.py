"""The Received field (RFC 5321 section 4.4, RFC 3848, RFC 6531): who gave us this message, how, and when."""

from __future__ import annotations

import functools

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.message.dates import format_date
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin, ProxyFacts, ip_address

from .interfaces import IFilter

LINE = 78
"""Characters a line should have at most (RFC 5322 section 2.1.1)."""
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]")


@implementer(IFilter)
class TraceFilter:
    """Puts a Received field in front of each message.

    Args:
        hostname: what this server calls itself.
        clock: its ``seconds`` are the time of day, as the reactor's are.
        hides_client: name neither the client's address nor what it called itself; for submission, where that is what
            tells the world where somebody lives. The log has it.
    """

    def __init__(self, hostname: str, clock: IReactorTime, hides_client: bool = False) -> None:
        self._hostname = hostname
        self._clock = clock
        self._hides_client = hides_client

    def hiding(self) -> TraceFilter:
        """The same filter, but it hides clients."""
        return TraceFilter(self._hostname, self._clock, hides_client=True)

    async def filter(self, mail: MailObject) -> MailObject:
        """The message with the field in front."""
        return mail.with_content(mail.content.with_prefix(self.field(mail)))

    def field(self, mail: MailObject) -> bytes:
        """The field, folded, with its CRLF."""
        origin, recipients = mail.origin, mail.envelope.recipients
        words = [f"Received: by {self._hostname}"]
        if not self._hides_client:
            words = [f"Received: from {_client(origin)}", f"by {self._hostname}"]
        if origin.tls is not None:
            words.append(f"({origin.tls.version} cipher {origin.tls.cipher} bits {origin.tls.bits})")
        elif origin.proxy is not None and origin.proxy.tls_counts:
            words.append(_ended_in_front(origin.proxy))
        smtputf8 = mail.envelope.smtputf8
        words += [f"with {transmission(origin, smtputf8)}", f"id {mail.queue_id}"]
        # More than one would tell each of them who the others are (RFC 5321 section 7.2). UTF-8 may be in a field
        # of an internationalised message only (RFC 6532).
        if len(recipients) == 1 and (smtputf8 or recipients[0].forward_path.is_ascii):
            path = recipients[0].forward_path
            words.append(f"for <{path if smtputf8 else bytes(path).decode()}>")
        words[-1] += ";"
        words.append(format_date(self._clock.seconds()))
        return _folded(words).encode()


def transmission(origin: Origin, smtputf8: bool = False) -> str:
    """The transmission type behind ``with``: SMTP, ESMTPSA, UTF8LMTPS ... (RFC 3848, RFC 6531 section 4.3).

    Args:
        origin: the connection.
        smtputf8: was the message internationalised?
    """
    if smtputf8:
        name = "UTF8LMTP" if origin.protocol == "lmtp" else "UTF8SMTP"
    elif not origin.extended:
        return "SMTP"
    else:
        name = "LMTP" if origin.protocol == "lmtp" else "ESMTP"
    return name + ("S" if origin.tls is not None else "") + ("A" if origin.login is not None else "")


@functools.lru_cache(maxsize=1024)
def address_literal(peer: str) -> str | None:
    """An IP address as RFC 5321 section 4.1.3 writes it; None where the peer has none."""
    address = ip_address(peer)
    if address is None:
        return None
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _client(origin: Origin) -> str:
    literal = address_literal(origin.peer)
    # What is no name must not get into the field: it might break its grammar.
    helo = origin.helo if origin.helo and _NAME.issuperset(origin.helo) else None
    if literal is None:
        # By XCLIENT, whoever is in front may say that it does not know.
        return f"{helo or 'localhost'} ({'local socket' if origin.peer == 'unix' else 'address unknown'})"
    # A content filter says by XFORWARD whose mail it passes on.
    behind = address_literal(origin.attributes.get("xforward_addr", "")) if origin.attributes else None
    return f"{helo or literal} ({literal}{f' forwarding for {behind}' if behind else ''})"


def _ended_in_front(proxy: ProxyFacts) -> str:
    """TLS that did not come as far as here; so there is no S behind ``with``."""
    assert proxy.tls is not None
    # It is the balancer's word, and must not break the field's grammar.
    version, cipher = (
        word if len(word) <= LINE and _NAME.issuperset(word) else ""
        for word in (proxy.tls.version, proxy.tls.cipher)
    )
    return f"(TLS ended at a balancer{version and ': ' + version}{cipher and ' cipher ' + cipher})"


def _folded(words: list[str]) -> str:
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > LINE:
            lines.append(line)
            line = "\t" + word
        else:
            line += " " + word
    return "\r\n".join([*lines, line]) + "\r\n"
