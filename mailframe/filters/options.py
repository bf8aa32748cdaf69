"""What can be configured of filters, by their names: ``[filter.NAME]``."""

from __future__ import annotations

import attrs


@attrs.frozen
class TraceOptions:
    """Options of `mailframe.filters.trace.TraceFilter`: none; the host name is the node's."""
