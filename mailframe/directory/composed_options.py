"""What can be configured of directories that stand in front of others."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mailframe.config.types import DirectoryName, option


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
