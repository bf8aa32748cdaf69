"""What an IMAP server can be told; every option has a default."""

from __future__ import annotations

import attrs

from mailframe.config.mechanisms import check_mechanisms
from mailframe.config.types import Duration, FilePath, Size, option
from mailframe.dialogue.protocol import BUFFER_LIMIT
from mailframe.dialogue.spill import MEMORY_LIMIT
from mailframe.limits.settings import NetworkSettings

_positive = attrs.validators.gt(0)
_no_limit_or_many = attrs.validators.or_(attrs.validators.in_((0,)), attrs.validators.ge(1000))


@attrs.frozen
class IMAPSettings(NetworkSettings):
    """Options of one IMAP listener. Times are seconds, sizes octets."""

    banner: str = option("Words in the greeting.", "Mailframe is ready")
    require_tls_for_auth: bool = option("Let clients log in only under TLS.", True)
    clear_auth_from_loopback: bool = option("Let clients on this machine log in without TLS.", False)
    mechanisms: tuple[str, ...] = option(
        "SASL mechanisms that are offered, in this order, where they can be; none for all that can be.",
        (),
        validator=check_mechanisms,
    )
    login_timeout: Duration = option("How long a client may be silent before it logged in.", Duration(60.0))
    login_deadline: Duration = option(
        "How long a connection may stay without a login, however busy it is.", Duration(600.0)
    )
    autologout: Duration = option(
        "How long a client may be silent after login; RFC 3501 asks for at least 30 minutes.",
        Duration(1860.0),
    )
    poll_interval: Duration = option(
        "How long to rely on hints before a selected mailbox is looked at all the same.", Duration(30.0)
    )
    progress_interval: Duration = option(
        "How often a client is told that a long command goes on (RFC 9585).",
        Duration(10.0),
        validator=_positive,
    )
    append_timeout: Duration = option("How long to wait for the store to take a message.", Duration(600.0))
    bad_commands_limit: int = option(
        "Broken commands before the connection ends: in a row after login, all of them before.",
        20,
        validator=_positive,
    )
    commands_per_second: int = option(
        "Commands a second that a client may send after login; the answers to more are held back. 0 for any number.",
        1000,
        validator=attrs.validators.ge(0),
    )
    login_failures_limit: int = option("Failed logins before the connection ends.", 3, validator=_positive)
    connections_limit: int = option(
        "Connections at the same time, in each worker.", 10_000, validator=_positive
    )
    connections_limit_per_network: int = option(
        "Connections at the same time from one network, over all workers; 0 for no limit.",
        500,
        validator=attrs.validators.ge(0),
    )
    connections_limit_per_account: int = option(
        "Logged-in connections of one account at the same time, over all workers; 0 for no limit.",
        50,
        validator=attrs.validators.ge(0),
    )
    append_limit: Size = option("The largest message APPEND takes.", Size(50_000_000), validator=_positive)
    line_limit: Size = option(
        "Octets a command line may have after login.",
        Size(BUFFER_LIMIT),
        validator=[attrs.validators.ge(1024), attrs.validators.le(BUFFER_LIMIT)],
    )
    literal_limit: Size = option(
        "Octets a literal may have that is not the message of APPEND.", Size(32 * 1024), validator=_positive
    )
    literals_limit: int = option("Literals one command may have.", 100, validator=_positive)
    command_limit: Size = option(
        "Octets a whole command may have, without the message of APPEND.",
        Size(256 * 1024),
        validator=_positive,
    )
    discard_limit: Size = option(
        "Octets of a refused literal that are read and thrown away before the connection ends.",
        Size(64_000_000),
        validator=_positive,
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
    literal_plus: bool = option(
        "Let clients send literals of any size without asking (LITERAL+); if not, up to 4,096 octets (LITERAL-).",
        True,
    )
    message_limit: int = option(
        "Messages one command may deal with (MESSAGELIMIT, RFC 9738); 0 for any number. 1000 is the least.",
        0,
        validator=_no_limit_or_many,
    )
    compress: bool = option("Let clients have the connection compressed (RFC 4978).", True)
    administrator: str = option(
        "Whom to ask, as a URI, for clients that want to know: ``mailto:postmaster@example.org`` (RFC 5464).",
        "",
    )
    comment: str = option("What this server is, for clients that want to know (RFC 5464).", "")
    log_dialogue: bool = option("Write every command into the debug log, without secrets.", False)
