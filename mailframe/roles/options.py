"""What may be said of the roles in the configuration, in ``[role.mx]``, ``[role.relay]`` and ``[role.store]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import attrs

from mailframe.config.types import (
    DeliveryName,
    Duration,
    FilePath,
    FilterName,
    ListenAddress,
    Network,
    PolicyName,
    Size,
    option,
)
from mailframe.imap.settings import IMAPSettings
from mailframe.message.address import parse_domain, parse_mailbox
from mailframe.policy.header import HEADER_LIMIT
from mailframe.policy.options import not_everybody
from mailframe.policy.own_hosts import fingerprint
from mailframe.pop3.settings import POP3Settings
from mailframe.proxy.settings import ProxySettings
from mailframe.smtp.settings import SMTPSettings

from .submission_options import SendingLimitOptions

LOOPBACK = (Network("127.0.0.0/8"), Network("::1/128"))


def _is_mailbox(_: object, attribute: object, value: str | None) -> None:
    if value:
        parse_mailbox(value)


def _are_domains(_: object, attribute: object, value: list[str]) -> None:
    for text in value:
        if text != "*":
            parse_domain(text)


_DECIDED = "Decided by the role, so that no configuration can make it something else."


def _on(*addresses: str) -> Callable[[], list[ListenAddress]]:
    return lambda: [ListenAddress(address) for address in addresses]


@attrs.frozen(kw_only=True)
class _Hidden(SMTPSettings):
    """Settings of SMTP that roles decide."""

    hostname: str = option(_DECIDED, "localhost", hidden=True)
    protocol: Literal["smtp", "lmtp"] = option(_DECIDED, "smtp", hidden=True)
    require_auth: bool = option(_DECIDED, False, hidden=True)
    require_tls_for_auth: bool = option(_DECIDED, True, hidden=True)
    spill_directory: FilePath = option(_DECIDED, FilePath(""), hidden=True)
    future_release: Duration = option(_DECIDED, Duration(0.0), hidden=True)
    deliver_by: bool = option(_DECIDED, False, hidden=True)
    xverp: bool = option(_DECIDED, False, hidden=True)


@attrs.frozen(kw_only=True)
class _BeforeQueue(_Hidden):
    """Settings that mean something only where mail goes into a queue."""

    future_release: Duration = option(
        "How long the queue keeps messages for their senders (FUTURERELEASE, RFC 4865); ``0s``: that is not offered. "
        "Without a queue it never is.",
        Duration(7 * 86400.0),
        minimum=0,
    )
    deliver_by: bool = option("Offer DELIVERBY (RFC 2852), where mail goes into a queue.", True)
    xverp: bool = option(
        "Offer XVERP, a reverse-path for each recipient, where mail goes into a queue.", True
    )


@attrs.frozen(kw_only=True)
class _NoLogin(_Hidden):
    """Settings of listeners that nobody can log in to."""

    login_failures_limit: int = option(_DECIDED, 1, hidden=True)
    clear_auth_from_loopback: bool = option(_DECIDED, False, hidden=True)
    mechanisms: tuple[str, ...] = option(_DECIDED, (), hidden=True)
    vrfy: Literal["unsure", "logged-in"] = option(_DECIDED, "unsure", hidden=True)
    expn: Literal["off", "logged-in"] = option(_DECIDED, "off", hidden=True)


@attrs.frozen(kw_only=True)
class MXOptions(_NoLogin):
    """The inbound exchanger: mail from anybody for our own domains."""

    listen: list[ListenAddress] = option("Where to listen.", factory=_on("tcp:25"))
    policies: list[PolicyName] = option(
        "What may refuse mail, in this order.", factory=lambda: [PolicyName("helo"), PolicyName("loops")]
    )
    filters: list[FilterName] = option(
        "What changes accepted mail, in this order.", factory=lambda: [FilterName("trace")]
    )
    delivery: DeliveryName | None = option(
        "The delivery that takes mail for mailboxes of another node, such as ``lmtp``; without it, it goes into the "
        "store of this node. Whatever it is, it is given no other addresses than those of mailboxes.",
        None,
    )
    router: DeliveryName | None = option(
        "What takes notices of success to senders who ask for them (``NOTIFY=SUCCESS``, RFC 3461): ``queue``, or a "
        "delivery such as ``smarthost``. Without it DSN is not offered, and the sending host tells them. It also "
        "takes copies for accounts of this node's store that forward their mail, whose mail stays here without it. "
        "Nothing else goes there: whom a stranger writes to is never a recipient.",
        None,
    )
    delimiter: str = option(
        'What parts a user from a subaddress, as in ``user+tag``; ``""`` for no subaddresses.', "+"
    )
    subaddress_mailboxes: bool = option(
        "Put mail for ``user+tag`` into the mailbox ``tag``, where there is one.", False
    )
    postmaster: str | None = option(
        "Who gets mail for the bare ``Postmaster``; ``postmaster@`` and the node's hostname by default.",
        None,
        validator=_is_mailbox,
    )


@attrs.frozen(kw_only=True)
class RelayOptions(_BeforeQueue):
    """Submission: mail from our own users, who log in."""

    listen: list[ListenAddress] = option("Where to listen.", factory=_on("tcp:587", "ssl:465"))
    policies: list[PolicyName] = option(
        "What may refuse mail besides the login that is always asked for, in this order.",
        factory=lambda: [PolicyName("loops")],
    )
    filters: list[FilterName] = option(
        "What changes accepted mail, in this order.", factory=lambda: [FilterName("trace")]
    )
    router: DeliveryName | None = option(
        "What takes mail for others: ``queue``, the queue of this node (mail for our own mailboxes goes there at "
        "once), or a delivery that takes all mail to the next hop, for local users too, such as ``smarthost``; "
        "without it mail goes to local mailboxes, and other recipients are refused.",
        None,
    )
    networks: list[Network] = option(
        "Clients there need not log in, nor use TLS.", factory=list, validator=not_everybody
    )
    network_domains: list[str] = option(
        "The domains that clients without login may send from; the local ones where none is named, all for ``*``.",
        factory=list,
        validator=_are_domains,
    )
    envelope_from: Literal["off", "warn", "refuse"] = option(
        "What becomes of a reverse-path (``MAIL FROM``) that does not belong to its user: nothing (`off`), a line in "
        "the log (`warn`), 550 (`refuse`).",
        "refuse",
    )
    header_from: Literal["off", "warn", "refuse"] = option(
        "The same for each address in ``From`` and ``Sender``; `warn` also names the account in a ``Sender`` field.",
        "refuse",
    )
    sender_aliases: Literal["also", "only", "none"] = option(
        "Which aliases belong to an account: those that lead `also` to it, those that lead `only` to it, or `none`. "
        "Its own address, subaddresses and grants (``mailframe account grant``) always do.",
        "also",
    )
    missing_from: Literal["add", "refuse"] = option(
        "What becomes of a message without ``From``: `add` it from the envelope, or `refuse` the message.",
        "add",
    )
    add_sender: bool = option(
        "Name the account in a ``Sender`` field wherever ``From`` is not exactly its address.", False
    )
    hide_clients: bool = option(
        "Keep the client's address and name out of the ``Received`` field; the log has them.", False
    )
    header_limit: Size = option(
        "Octets a header section may have; more is refused (552).",
        Size(HEADER_LIMIT),
        minimum=1024,
        maximum=HEADER_LIMIT,
    )
    sending_limits: SendingLimitOptions = option("What each user may send.", factory=SendingLimitOptions)
    delimiter: str = option("As in ``[role.mx]``.", "+")
    subaddress_mailboxes: bool = option("As in ``[role.mx]``.", False)
    postmaster: str | None = option("As in ``[role.mx]``.", None, validator=_is_mailbox)


def _certificate_names(_: object, attribute: object, value: list[str]) -> None:
    for text in value:
        if not text.strip() or text == "*":
            raise ValueError(
                f"expected a name as it stands in a certificate, or its fingerprint, got {text!r}"
            )
        fingerprint(text)


@attrs.frozen(kw_only=True)
class RouterOptions(_BeforeQueue):
    """Outbound mail of our own hosts: relays, exchangers, list servers. Strangers are turned away at once."""

    listen: list[ListenAddress] = option("Where to listen.", factory=_on("tcp:26"))
    networks: list[Network] = option(
        "Our hosts, which may send; nobody else is talked to, unless certificates or logins are taken.",
        factory=lambda: list(LOOPBACK),
        validator=not_everybody,
    )
    certificates: list[str] = option(
        "Names in client certificates, or SHA-256 fingerprints of them (``sha256:`` and 64 hexadecimal digits), "
        "whose owners may send from anywhere. An authority in ``[tls] client_authorities`` must have signed them.",
        factory=list,
        validator=_certificate_names,
    )
    logins: bool = option("Whoever logs in may send, from anywhere, from any address.", False)
    policies: list[PolicyName] = option(
        "What may refuse mail, in this order.", factory=lambda: [PolicyName("loops")]
    )
    filters: list[FilterName] = option(
        "What is put in front of mail, in this order; nothing else of it should be changed here.",
        factory=lambda: [FilterName("trace")],
    )
    verify: bool = option(
        "Refuse recipients at once that our own domains do not have, where the directory is at hand.", True
    )


@attrs.frozen(kw_only=True)
class ProxyOptions:
    """The front door for users of several stores (``[[stores]]``)."""

    imap: list[ListenAddress] = option(
        "Where IMAP listens; ``[]`` for nowhere.", factory=_on("tcp:143", "ssl:993")
    )
    pop3: list[ListenAddress] = option(
        "Where POP3 listens; ``[]`` for nowhere.", factory=_on("tcp:110", "ssl:995")
    )
    submission: list[ListenAddress] = option(
        "Where submission listens; it goes on to the ``submission`` port of the account's store.",
        factory=list,
    )
    managesieve: list[ListenAddress] = option(
        "Where ManageSieve listens, usually ``tcp:4190``, for stores that have it.", factory=list
    )
    options: ProxySettings = option("What is the same for all protocols.", factory=ProxySettings)


@attrs.frozen(kw_only=True)
class LMTPOptions(_NoLogin):
    """How LMTP is spoken."""

    # Its clients are our own exchangers.
    refused_recipients_limit: int = option(_DECIDED, 0, hidden=True)
    idle_commands_limit: int = option(_DECIDED, 0, hidden=True)
    tarpit_after: int = option(_DECIDED, 0, hidden=True)
    tarpit_delay: Duration = option(_DECIDED, Duration(0.0), hidden=True)
    tarpit_longest: Duration = option(_DECIDED, Duration(0.0), hidden=True)


@attrs.frozen(kw_only=True)
class IMAPOptions(IMAPSettings):
    """How IMAP is spoken."""

    spill_directory: FilePath = option(_DECIDED, FilePath(""), hidden=True)


@attrs.frozen(kw_only=True)
class StoreOptions:
    """Mailboxes: LMTP in, IMAP and POP3 out."""

    name: str = option(
        "What the directory calls this store (``store`` of an account). Accounts whose mail it says to be elsewhere "
        "are told to come again: whoever sent them here has an old map.",
        "",
    )
    lmtp: list[ListenAddress] = option(
        "Where LMTP listens; ``[]`` for nowhere.", factory=_on("tcp:24:interface=127.0.0.1")
    )
    lmtp_networks: list[Network] = option(
        "Who may deliver by LMTP; a UNIX socket is guarded by its mode instead.",
        factory=lambda: list(LOOPBACK),
    )
    imap: list[ListenAddress] = option(
        "Where IMAP listens; ``[]`` for nowhere.", factory=_on("tcp:143", "ssl:993")
    )
    pop3: list[ListenAddress] = option(
        "Where POP3 listens; ``[]`` for nowhere.", factory=_on("tcp:110", "ssl:995")
    )
    link: list[ListenAddress] = option(
        "Where other nodes of ours may read accounts that move to them (``[link]``): with TLS, ``ssl:...``, but for "
        "addresses of this machine.",
        factory=list,
    )
    router: DeliveryName | None = option("As in ``[role.mx]``, for mail that comes by LMTP.", None)
    filters: list[FilterName] = option(
        "What changes mail that comes by LMTP, in this order.", factory=lambda: [FilterName("trace")]
    )
    delimiter: str = option("As in ``[role.mx]``.", "+")
    subaddress_mailboxes: bool = option("As in ``[role.mx]``.", False)
    lmtp_options: LMTPOptions = option("How LMTP is spoken.", factory=LMTPOptions)
    imap_options: IMAPOptions = option("How IMAP is spoken.", factory=IMAPOptions)
    pop3_options: POP3Settings = option("How POP3 is spoken.", factory=POP3Settings)
