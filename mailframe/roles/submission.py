"""The rules of a submission service: who may send as whom, how much, and what is done to the mail (RFC 6409)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from twisted.internet.interfaces import IReactorTime

from mailframe.directory.interfaces import IDirectory, ISenderGrants, ISenderRights
from mailframe.directory.rights import Aliases, DirectoryRights
from mailframe.filters.interfaces import IFilter
from mailframe.filters.submission import SenderField, SubmissionFilter
from mailframe.filters.trace import TraceFilter
from mailframe.limits.interfaces import ITallies
from mailframe.policy.header import HEADER_LIMIT, HeaderPolicy
from mailframe.policy.login import LoginPolicy
from mailframe.policy.sender import Check, SenderPolicy
from mailframe.policy.sending_limits import Limits, SendingLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRules:
    """What a submission service asks of its users, and does for them.

    Attributes:
        networks: clients there need not log in, ``"192.0.2.0/24"``.
        network_domains: the domains these may send from; () for the local ones, ``("*",)`` for any.
        envelope_from: what becomes of a reverse-path that does not belong to its user.
        header_from: what becomes of an address in From or Sender that does not; ``warn`` also names the login in a
            Sender field.
        aliases: which aliases belong to an account.
        missing_from: what becomes of a message without From.
        add_sender: name the login in a Sender field wherever From is not exactly its address.
        hides_clients: the trace field tells neither address nor name of the client.
        header_limit: octets of a header section.
        limits: what one user may send.
        account_limits: for some accounts, instead of that.
        over: what becomes of mail over a limit.
        held_per_day: messages of one user that are held in a day, 0 for no limit.
    """

    networks: Sequence[str] = ()
    network_domains: Sequence[str] = ()
    envelope_from: Check = "refuse"
    header_from: Check = "refuse"
    aliases: Aliases = "also"
    missing_from: Literal["add", "refuse"] = "add"
    add_sender: bool = False
    hides_clients: bool = False
    header_limit: int = HEADER_LIMIT
    limits: Limits = field(default_factory=Limits)
    account_limits: Mapping[str, Limits] = field(default_factory=dict)
    over: Literal["hold", "refuse"] = "hold"
    held_per_day: int = 100

    def rights(self, directory: IDirectory, delimiter: str) -> ISenderRights:
        """Who may send as whom: the directory itself where it knows, else what follows from its entries.

        Args:
            directory: accounts, aliases, and grants where it keeps them.
            delimiter: between user and subaddress.
        """
        if ISenderRights.providedBy(directory):
            return ISenderRights(directory)
        grants = ISenderGrants(directory) if ISenderGrants.providedBy(directory) else None
        return ISenderRights(DirectoryRights(directory, grants, delimiter, self.aliases))

    def policies(
        self, rights: ISenderRights, directory: IDirectory, tallies: ITallies, others: Sequence[object]
    ) -> Sequence[object]:
        """All policies in order: who it is, what is written, what others think, and only then how much it was."""
        return [
            LoginPolicy(networks=self.networks, directory=directory),
            HeaderPolicy(self.header_limit, self.missing_from),
            SenderPolicy(rights, directory, self.envelope_from, self.header_from, self.network_domains),
            *others,
            SendingLimits(tallies, self.limits, self.account_limits, self.over, self.held_per_day),
        ]

    def filters(
        self, rights: ISenderRights, hostname: str, clock: IReactorTime, others: Sequence[IFilter]
    ) -> Sequence[IFilter]:
        """All filters in order: first the message is completed, so that trace fields come in front of all."""
        if self.hides_clients:
            others = [one.hiding() if isinstance(one, TraceFilter) else one for one in others]
        return [IFilter(SubmissionFilter(hostname, clock, rights, self._sender)), *others]

    @property
    def _sender(self) -> SenderField:
        if self.add_sender:
            return "differs"
        return "foreign" if self.header_from == "warn" else "never"
