"""What can be configured of directories that stand in front of others."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mailframe.config.types import DataPath, DirectoryName, Duration, option


@attrs.frozen
class ChainOptions:
    """Several directories as one."""

    members: tuple[DirectoryName, ...] = option(
        "The directories, asked in this order about every domain that has none of its own below. One that cannot be "
        "asked makes the answer temporary, unless one before it has found what was asked for.",
        (),
    )
    domains: Mapping[str, DirectoryName] = option(
        "The directory that alone is asked about a domain.", factory=dict
    )


@attrs.frozen
class CacheOptions:
    """A directory whose answers are remembered in memory."""

    source: DirectoryName = option("The directory that is asked.")
    entries: int = option(
        "How many answers are remembered; a quarter as many of unknown names.", 50_000, minimum=1
    )
    positive_time: Duration = option("How long an answer is good.", Duration(60.0), minimum=0)
    negative_time: Duration = option("How long it is good that a name is unknown.", Duration(10.0), minimum=0)
    stale_time: Duration = option(
        "How long behind that an answer is given while the directory is away.", Duration(86400.0), minimum=0
    )
    credential_time: Duration = option(
        "How long password hashes are good; they are in memory only.", Duration(5.0), minimum=0
    )
    credential_stale_time: Duration = option(
        "How long behind that they are used while the directory is away.", Duration(300.0), minimum=0
    )
    timeout: Duration = option("How long the directory is waited for.", Duration(10.0), minimum=0.1)
    patience: Duration = option(
        "How long it is waited for where an old answer is known.", Duration(1.0), minimum=0.01
    )


@attrs.frozen
class ReplicaOptions:
    """A complete copy of another directory in a file of this node."""

    source: DirectoryName = option("The directory that is copied; it must be able to tell what is new.")
    path: DataPath = option("The file; one of its own for each copy.", DataPath("directory-copy.sqlite"))
    poll: Duration = option(
        "How often the source is asked what is new, where it does not tell by itself.",
        Duration(0.5),
        minimum=0.05,
    )
    timeout: Duration = option(
        "How long one answer of the source is waited for.", Duration(30.0), minimum=0.1
    )
    compare_every: Duration = option(
        "How often all of it is compared, where the source does not tell what was removed.",
        Duration(6 * 3600.0),
        minimum=1,
    )
    old_after: Duration = option(
        "How old the copy may be before that is a problem; it serves all the same.",
        Duration(900.0),
        minimum=1,
    )
