"""One message on its round of the hosts of a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.message.mail import MailObject
from mailframe.message.status import MailframeError
from mailframe.smtp.client.connecting import Target
from mailframe.smtp.client.errors import TLSFailed, Unreachable
from mailframe.smtp.client.pool import CLOSED, FULL, Pool

from .reaching import Approach, Host
from .results import Results
from .shaping import SiteFull, SiteLimits

if TYPE_CHECKING:
    from .remote import RemoteDelivery


class Errand:
    """One message that is sent to one host after the other.

    Args:
        delivery: knows policies and ways.
        pool: has the connections.
        mail: the message.
        domain: where it goes.
        limits: of the site.
        age: seconds since it was accepted here.
        together: all recipients or none.
    """

    def __init__(
        self,
        delivery: RemoteDelivery,
        pool: Pool,
        mail: MailObject,
        domain: str,
        limits: SiteLimits,
        age: float,
        together: bool,
    ) -> None:
        self._delivery = delivery
        self._pool = pool
        self._mail = mail
        self._domain = domain
        self._limits = limits
        self._age = age
        self._together = together

    async def run(self, host: Host, results: Results, budget: int) -> int:
        """Ask one host, at one of its addresses after the other while there is no session.

        Returns:
            How many addresses were used up.

        Raises:
            MailframeError: a limit of ours is reached.
        """
        results.hosts += 1
        name = host.exchanger.name
        try:
            policy = await self._delivery.policy(self._mail, self._domain, host)
        except MailframeError as error:
            results.add_error(name, error)
            return 0
        addresses = list(host.addresses[:budget])
        used = 0
        while addresses:
            approach = self._delivery.approach(addresses, self._limits)
            target = Target(name, self._delivery.port, policy=policy, endpoint=approach, domain=self._domain)
            fault = await self._ask(target, approach, results)
            won = approach.race.won
            used += 1 if won is not None else len(addresses)
            if fault is None or won is None or isinstance(fault, TLSFailed):
                break
            # Another address of the same name may be another machine.
            self._delivery.memory.note_down(won)
            addresses.remove(won)
        return used

    async def _ask(self, target: Target, approach: Approach, results: Results) -> MailframeError | None:
        """One session; why there was none."""
        try:
            outcome = await self._pool.send(
                target, self._mail, results.recipients, age=self._age, together=self._together
            )
        except MailframeError as error:
            if isinstance(error, SiteFull) or error.status in (FULL, CLOSED):
                raise
            results.add_error(target.host, error)
            return error
        results.add(outcome)
        if outcome.untouched:
            return Unreachable(outcome.recipients[0].status)
        if approach.race.won is not None:
            self._delivery.memory.note_up(approach.race.won)
        return None
