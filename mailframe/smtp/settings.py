"""What an SMTP or LMTP server can be told; every option has a default."""

from __future__ import annotations

from typing import Literal, Self

import attrs

from mailframe.config.mechanisms import check_mechanisms
from mailframe.config.types import Duration, FilePath, Network, Size, option
from mailframe.dialogue.spill import MEMORY_LIMIT
from mailframe.limits.settings import NetworkSettings

from .wire.leniency import FORGIVABLE

KEYWORDS = (
    "8BITMIME",
    "BINARYMIME",
    "CHUNKING",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "LIMITS",
    "MT-PRIORITY",
    "PIPELINING",
    "REQUIRETLS",
    "SIZE",
    "SMTPUTF8",
)
"""Keywords of EHLO that a listener may keep to itself."""


@attrs.frozen
class SMTPSettings(NetworkSettings):
    """Options of one SMTP or LMTP listener. Times are seconds, sizes octets."""

    hostname: str = option("The name this server calls itself in its greeting and replies.", "localhost")
    protocol: Literal["smtp", "lmtp"] = option(
        "What is spoken: `smtp`, or `lmtp` with a reply for each recipient (RFC 2033).",
        "smtp",
        choices=("smtp", "lmtp"),
    )
    banner: str = option("Words behind the host name in the greeting.", "Mailframe")
    size_limit: Size = option(
        "The largest message that is taken.", Size(50_000_000), validator=attrs.validators.gt(0)
    )
    recipients_limit: int = option(
        "Recipients a message may have; RFC 5321 asks for at least 100. Those above it get 452 and are tried again.",
        1000,
        validator=attrs.validators.gt(0),
    )
    transactions_limit: int = option(
        "Messages that may be begun in one connection (LIMITS MAILMAX, RFC 9422); 0 for no limit.",
        0,
        validator=attrs.validators.ge(0),
    )
    errors_limit: int = option(
        "Errors and refused recipients in a row, without a message taken between them, before the connection ends.",
        100,
        validator=attrs.validators.gt(0),
    )
    login_failures_limit: int = option(
        "Failed logins before the connection ends.", 3, validator=attrs.validators.gt(0)
    )
    line_limit: Size = option(
        "Octets a command line may have; a longer one is refused and passed over.",
        Size(4096),
        validator=attrs.validators.ge(512),
    )
    line_ends: Literal["refuse", "normalise"] = option(
        "What becomes of a bare CR or LF in a message: `refuse` it, or make each a line end (`normalise`).",
        "refuse",
        choices=("refuse", "normalise"),
    )
    forgive: tuple[str, ...] = option(
        "What is forgiven in command lines: ``space-before-path`` (``MAIL FROM: <a@b>``, which old devices send),"
        " ``bare-path`` (``MAIL FROM:a@b`` without angle brackets), ``tab`` (a tab in place of a space).",
        ("space-before-path",),
        validator=attrs.validators.deep_iterable(attrs.validators.in_(FORGIVABLE)),
    )
    not_offered: tuple[str, ...] = option(
        "Keywords of EHLO that are not offered, such as ``CHUNKING`` or ``DSN``; what they allow is refused then.",
        (),
        validator=attrs.validators.deep_iterable(attrs.validators.in_(KEYWORDS)),
    )
    trusted_networks: tuple[Network, ...] = option(
        "Our own hosts, whose word is taken for who submitted a message (``AUTH=``, RFC 4954) and how urgent it is"
        " (``MT-PRIORITY``, RFC 6710).",
        (),
    )
    priority_limit: int = option(
        "The highest ``MT-PRIORITY`` that clients may ask for which neither logged in nor are trusted.",
        0,
        validator=[attrs.validators.ge(-9), attrs.validators.le(9)],
    )
    vrfy: Literal["unsure", "logged-in"] = option(
        "What VRFY tells: nothing (`unsure`), or who exists, but to clients that logged in only (`logged-in`).",
        "unsure",
        choices=("unsure", "logged-in"),
    )
    expn: Literal["off", "logged-in"] = option(
        "Who may ask by EXPN where mail to an address goes: nobody (`off`), or clients that logged in.",
        "off",
        choices=("off", "logged-in"),
    )
    help: str = option("What HELP answers.", "RFC 5321 says it all")
    future_release: Duration = option(
        "How long messages can be held for their senders (FUTURERELEASE, RFC 4865); 0: that is not offered. For"
        " submission with a queue that knows when to let them go.",
        Duration(0.0),
    )
    deliver_by: bool = option(
        "Offer DELIVERBY (RFC 2852). For listeners before a queue that tells senders of what is late.", False
    )
    xverp: bool = option(
        "Offer XVERP, as Postfix does: a reverse-path for each recipient, so that lists know whose mail came back."
        " For listeners before a queue.",
        False,
    )
    require_auth: bool = option("Take mail only from clients that logged in.", False)
    require_tls_for_auth: bool = option("Let clients log in only under TLS.", True)
    clear_auth_from_loopback: bool = option("Let clients on this machine log in without TLS.", False)
    mechanisms: tuple[str, ...] = option(
        "SASL mechanisms that are offered, in this order, where they can be; none for all that can be.",
        (),
        validator=check_mechanisms,
    )
    connections_limit: int = option(
        "Connections at the same time, in each worker.", 2000, validator=attrs.validators.gt(0)
    )
    connections_limit_per_network: int = option(
        "Connections at the same time from one network, over all workers; 0 for no limit.",
        100,
        validator=attrs.validators.ge(0),
    )
    connections_per_minute: int = option(
        "Connections that one network may begin in a minute, over all workers; 0 for no limit.",
        0,
        validator=attrs.validators.ge(0),
    )
    messages_per_hour: int = option(
        "Messages that one network may begin in an hour without a login, over all workers; 0 for no limit.",
        0,
        validator=attrs.validators.ge(0),
    )
    recipients_per_hour: int = option(
        "Recipients that one network may name in an hour without a login, over all workers; 0 for no limit.",
        0,
        validator=attrs.validators.ge(0),
    )
    refused_recipients_per_hour: int = option(
        "Recipients of one network that may be refused for good in an hour, over all workers; whoever guesses more is"
        " put off without a look. 0 for no limit.",
        0,
        validator=attrs.validators.ge(0),
    )
    refused_recipients_limit: int = option(
        "Recipients that may be refused for good in one connection before it ends; 0 for no limit.",
        100,
        validator=attrs.validators.ge(0),
    )
    commands_limit: int = option(
        "Commands that one connection may give; 0 for no limit.", 0, validator=attrs.validators.ge(0)
    )
    idle_commands_limit: int = option(
        "Commands that serve no mail (NOOP, RSET, VRFY, EXPN, HELP, one more EHLO, empty BDAT) before the connection"
        " ends, without a message taken between them; 0 for no limit.",
        100,
        validator=attrs.validators.ge(0),
    )
    tarpit_after: int = option(
        "Errors in a row that are answered at once; each further one is answered later than the one before it."
        " 0: all are answered at once.",
        20,
        validator=attrs.validators.ge(0),
    )
    tarpit_delay: Duration = option("How much later.", Duration(1.0))
    tarpit_longest: Duration = option("The longest that an answer is held back.", Duration(10.0))
    nomail: bool = option(
        "Take no mail at all: greet with 521 (RFC 7504), for hosts that people try although no mail goes there.",
        False,
    )
    xclient_networks: tuple[Network, ...] = option(
        "Who may say `XCLIENT`: take this connection for one of that client. For proxies that speak SMTP themselves.",
        (),
    )
    xforward_networks: tuple[Network, ...] = option(
        "Who may say `XFORWARD`: the next message came from that client. For content filters; it changes logs only.",
        (),
    )
    session_timeout: Duration = option(
        "How long a connection may last in all; it ends at the next command then.", Duration(86400.0)
    )
    command_timeout: Duration = option(
        "How long a client may be silent before its next command (RFC 5321 section 4.5.3.2.7).",
        Duration(300.0),
    )
    data_timeout: Duration = option(
        "How long a client may be silent within a message (RFC 5321 section 4.5.3.2.5).", Duration(180.0)
    )
    transfer_timeout: Duration = option("How long the data of one message may take in all.", Duration(3600.0))
    delivery_timeout: Duration = option(
        "How long to wait for the delivery of a message before the client is told to come again; less than the ten"
        " minutes that clients wait (RFC 5321 section 4.5.3.2.6).",
        Duration(480.0),
    )
    spill_directory: FilePath = option(
        "Where messages that are being received lie once they outgrow `spill_limit`.",
        FilePath("/tmp"),  # noqa: S108
    )
    spill_limit: Size = option(
        "Octets of a message that are kept in memory while it is received; a larger one lies in a file. Of a message"
        " past 256 KiB so many are kept only while all such messages of a worker together need no more than 64 MiB.",
        Size(MEMORY_LIMIT),
    )

    def without(self, *keywords: str) -> Self:
        """The same settings, with these keywords not offered either."""
        return attrs.evolve(self, not_offered=(*self.not_offered, *keywords))
