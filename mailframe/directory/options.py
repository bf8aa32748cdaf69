"""What can be configured of directories and of checking passwords."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mailframe.config.types import DataPath, Duration, Network, option


@attrs.frozen
class SQLiteOptions:
    """The directory in a file of its own, kept by ``mailframe account``, ``alias`` and ``domain``."""

    path: DataPath = option("The database file.", DataPath("directory.sqlite"))
    cache_entries: int = option("How many answers are remembered.", 10_000, minimum=1)
    cache_time: Duration = option(
        "How long an answer is remembered; a change in the file is noticed within a second all the same.",
        Duration(60.0),
        minimum=0,
    )


@attrs.frozen
class MemoryDirectoryOptions:
    """A directory written in the configuration; commands cannot change it."""

    domains: tuple[str, ...] = option("The local domains.", ())
    accounts: Mapping[str, str] = option(
        "Account names and their passwords, in clear or as ``{SCHEME}...``.", factory=dict
    )


@attrs.frozen
class PasswordOptions:
    """How passwords are checked, and what follows failed logins."""

    threads: int = option(
        "Threads that hash passwords; 0 for one a core, four at most. Each needs 19 MiB.",
        0,
        minimum=0,
        maximum=64,
    )
    queue: int = option(
        "Logins that may wait for a thread; more are told to try again later.", 128, minimum=0
    )
    remember: Duration = option(
        "How long a right password is remembered, so that a client with many connections is hashed once; "
        "forgotten when the password changes.",
        Duration(60.0),
        minimum=0,
    )
    remember_entries: int = option("How many right passwords are remembered.", 10_000, minimum=1)
    default_domain: str = option("The domain added to a login name that has none.", "")
    account_attempts: int = option(
        "Failed logins to one account before the next ones are delayed.", 5, minimum=0
    )
    network_attempts: int = option(
        "Failed logins from one network before the next ones are delayed.", 20, minimum=0
    )
    first_delay: Duration = option(
        "The first delay; each further failure doubles it.", Duration(1.0), minimum=0
    )
    longest_delay: Duration = option("The longest delay.", Duration(15.0), minimum=0)
    forget: Duration = option(
        "Failures are forgotten after so long without another.", Duration(900.0), minimum=0
    )
    waiting: int = option(
        "Logins to one account, or from one network, that may be delayed at once; more are told to try again "
        "later.",
        10,
        minimum=1,
    )
    backoff_entries: int = option("How many accounts, and networks, are watched.", 10_000, minimum=1)
    ipv4_prefix: int = option("Bits of an IPv4 address that make a network.", 32, minimum=8, maximum=32)
    ipv6_prefix: int = option("Bits of an IPv6 address that make a network.", 64, minimum=16, maximum=128)
    trusted_networks: tuple[Network, ...] = option(
        "Networks whose failures are not held against them, such as those of a webmail host.",
        (Network("127.0.0.0/8"), Network("::1/128")),
    )
