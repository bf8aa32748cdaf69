"""What can be configured of catch-alls."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, option


@attrs.frozen(kw_only=True)
class CatchAllOptions:
    """``[catch_all]``: how much mail from strangers a domain's catch-all takes for addresses that nobody has."""

    per_hour: int = option(
        "Recipients an hour that the catch-all of one domain takes; more are told to come again (450). 0 for no "
        "limit.",
        200,
        minimum=0,
    )
    notices: int = option(
        "An address that so many notices (mail from ``<>``) came for, at least half of all its mail, is one that "
        "others forge, and is refused from then on. 0: nothing follows from notices.",
        5,
        minimum=0,
    )
    remembered: int = option(
        "How many addresses are remembered in all; those without mail for longest are forgotten first, and never "
        "those that are refused while there are others.",
        100_000,
        minimum=100,
        maximum=10_000_000,
    )
    flush: Duration = option("How often counts are written down.", Duration(5.0), minimum=0.1, maximum=3600)
