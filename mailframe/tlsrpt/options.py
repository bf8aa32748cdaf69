"""``[tlsrpt]``: daily reports about TLS to the domains that ask for them."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, FilePath, option
from mailframe.message.address import Address


@attrs.frozen(kw_only=True)
class TLSReportOptions:
    """``[tlsrpt]``: with this section, domains that ask for it are told once a day how TLS with their hosts went."""

    sender: Address = option(
        "The address that reports come from; their DKIM signature must be of its domain, or few believe them."
    )
    organization: str = option("Who sends: the name of your organization.")
    contact: str | None = option(
        "Whom to ask about reports, an address or a URL; the sender without it.", None
    )
    spread: Duration = option(
        "Reports of one day are sent within this time after its end, each at a moment of its own.",
        Duration(4 * 3600.0),
        minimum=0,
        maximum=12 * 3600,
    )
    flush: Duration = option(
        "What was counted is written to the disk this often; so much is lost when the power fails.",
        Duration(10.0),
        minimum=1,
        maximum=600,
    )
    https: bool = option("Send reports by HTTPS to those who prefer it.", True)
    authorities: FilePath | None = option(
        "PEM file of the authorities to trust where reports go by HTTPS, instead of the system's.",
        None,
        must_exist=True,
    )
