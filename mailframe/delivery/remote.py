"""Delivery to the hosts that the DNS names for a domain: the way to everybody else's mailboxes (RFC 5321 section 5).

For each message: the hosts of the domain in their order (`exchangers`), their addresses (`reaching`), what TLS has to
give with each (`mailframe.tls.interfaces.ITLSPolicySource`). Then one after the other is asked (`errand`), until each
recipient has an answer that counts (`results`). Connections are kept and shared by all domains with the same hosts.
"""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.dns.interfaces import IResolver
from mailframe.limits.interfaces import ITallies
from mailframe.message.idn import to_ascii
from mailframe.message.mail import MailObject
from mailframe.message.status import UNKNOWN_FAULT, MailframeError, Status
from mailframe.message.tls_required import waives_tls
from mailframe.routing.interfaces import Route
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.errors import TLSFailed
from mailframe.smtp.client.pool import CLOSED, FULL, Pool
from mailframe.smtp.client.sender import SMTPClient
from mailframe.smtp.client.settings import ClientSettings
from mailframe.tls.errors import Result
from mailframe.tls.interfaces import IClientContexts, ITLSPolicySource, ITLSReports
from mailframe.tls.policies import ClientPolicy, TLSSession

from .demands import demanded
from .errand import Errand
from .exchangers import Exchangers
from .interfaces import IAttempts, IDelivery
from .metrics import ATTEMPTS
from .ourselves import is_own_address, nobody
from .racing import Race
from .reaching import Approach, Host, Memory, Reach
from .remote_options import RemoteOptions
from .results import BUSY_AGAIN, Results
from .shaping import Shape, Shaping, SiteFull, SiteLimits, site_name
from .shaping_options import ShapingOptions
from .sources import Sources
from .values import Attempt, Scope

CUT_OFF: Final = Status((4, 4, 7), "The attempt took too long")
log = Logger()

EndpointTo = Callable[[str, int, str | None], IStreamClientEndpoint]
"""Makes an endpoint: IP address, port, and the address of ours to connect from or None."""


@implementer(IDelivery, IAttempts)
class RemoteDelivery:
    """Hands messages to the hosts of their recipients' domains.

    ``Route.domain`` says which domain, or which address literal; all else is found here, anew for each attempt.

    Args:
        reactor: connects, and is the clock.
        resolver: asks the DNS.
        policies: know what TLS has to give with a host.
        options: ``[delivery.remote]``; its ``hostname`` is what we greet with, as A-labels, and one of our names.
        contexts: for TLS; None: it is never used.
        tallies: count connections and messages over all workers.
        shaping: rules of ``[[shaping]]``, in order.
        reports: are told how TLS went, or None.
        own_addresses: addresses under which others reach us that this machine does not have itself (behind NAT).
        endpoint: makes endpoints, where TCP is not meant: for tests.
        chance: shuffles.
    """

    def __init__(
        self,
        reactor: Any,
        resolver: IResolver,
        policies: ITLSPolicySource,
        options: RemoteOptions,
        *,
        contexts: IClientContexts | None,
        tallies: ITallies,
        shaping: Sequence[ShapingOptions] = (),
        reports: ITLSReports | None = None,
        own_addresses: Collection[str] = (),
        endpoint: EndpointTo | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._reactor = reactor
        self._policies = policies
        self._options = options
        self._contexts = contexts
        self._tallies = tallies
        self._reports = reports
        self._endpoint = endpoint or self._tcp
        self._shaping = Shaping(shaping, options)
        self._memory = Memory(reactor.seconds, options.down_time)
        self._exchangers = Exchangers(resolver, [options.hostname, *map(to_ascii, options.own_names)], chance)
        ours = _ours(options, frozenset(own_addresses))
        self._reach = Reach(resolver, options, self._memory, ours, reactor.seconds, chance)
        self._own: Counter[str] = Counter()
        self._pools: dict[Shape, Pool] = {}
        self._sources: dict[Shape, Sources] = {}
        self._stopped = False

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`."""
        return await self._try(mail, routes, age, together=False)

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`, for who has no queue.

        With ``atomic``, recipients of one domain are sent together; those of several domains cannot be.
        """
        statuses: list[Status] = [UNKNOWN_FAULT] * len(routes)
        for domain in dict.fromkeys(route.domain for route in routes):
            places = [place for place, route in enumerate(routes) if route.domain == domain]
            envelope = _with_recipients(mail, places)
            attempts = await self._try(envelope, [routes[place] for place in places], 0.0, together=atomic)
            for place, attempt in zip(places, attempts, strict=True):
                statuses[place] = attempt.status
        return statuses

    async def stop(self) -> None:
        """End the connections."""
        self._stopped = True
        for pool in self._pools.values():
            await pool.close()

    # One message at one destination.

    async def _try(
        self, mail: MailObject, routes: Sequence[Route], age: float, together: bool
    ) -> Sequence[Attempt]:
        """As `attempt`; nothing is raised."""
        domain = routes[0].domain
        try:
            attempts = await self._send(mail, domain, age, together)
        except SiteFull as full:
            attempts = _limited(len(routes), full.status, full.retry_after)
        except MailframeError as error:
            # No host was found, for good or for now; what is temporary holds for all mail to the domain.
            scope = Scope.DESTINATION if error.status.temporary else Scope.RECIPIENT
            attempts = [Attempt(error.status, scope)] * len(routes)
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: remote delivery failed", queue_id=mail.queue_id)
            attempts = [Attempt(UNKNOWN_FAULT)] * len(routes)
        _note(mail, domain, attempts)
        return attempts

    async def _send(self, mail: MailObject, domain: str, age: float, together: bool) -> list[Attempt]:
        exchangers = await self._exchangers.find(domain)
        names = [exchanger.name for exchanger in exchangers]
        shape = self._shaping.shape(domain, names)
        hosts = await self._reach.hosts(exchangers, shape)
        pool = self._pool(shape)
        limits = SiteLimits(self._tallies, site_name(names), shape, self._own, lambda: pool.drop_idle(names))
        limits.check_connections()
        limits.spend(len(mail.envelope.recipients))
        results = Results(mail.envelope.recipients)
        budget = self._options.addresses_limit
        for host in hosts:
            if not results.left or results.sessions >= self._options.sessions_limit or budget <= 0:
                break
            errand = Errand(self, pool, mail, domain, limits, age, together)
            try:
                budget -= await errand.run(host, results, budget)
            except CancelledError:
                if not results.answered:
                    raise
                # Who has got it must not get it again because others have not.
                return results.attempts_or(Attempt(CUT_OFF))
            except SiteFull as full:
                return _or_limited(results, full.status, full.retry_after)
            except MailframeError as error:
                if error.status not in (FULL, CLOSED):
                    raise
                return _or_limited(results, error.status, BUSY_AGAIN)
        all_tried = len(hosts) == len(exchangers) and results.hosts == len(hosts)
        return results.attempts(all_tried, mail.envelope.require_tls)

    # What an errand needs.

    async def policy(self, mail: MailObject, domain: str, host: Host) -> ClientPolicy:
        """What TLS has to give for one message at one host.

        Raises:
            MailframeError: the host must not be asked, now or with this message.
        """
        exchanger = host.exchanger
        # RFC 8689 section 8.3: TLS-Required: No has us pass over what cannot be found out, too.
        waived = waives_tls(mail.envelope, mail.content.head)
        policy = await self._policies.policy(
            domain, exchanger.name, port=self._options.port, secure=exchanger.secure, waived=waived
        )
        proved = exchanger.secure or exchanger.name == domain
        return demanded(policy, mail, exchanger.name, proved)

    def approach(self, addresses: Sequence[str], limits: SiteLimits) -> Approach:
        """Connects to the first of some addresses that answers."""
        sources = self._sources[limits.shape]

        def endpoint(address: str) -> IStreamClientEndpoint:
            return self._endpoint(address, self._options.port, sources.take(address))

        race = Race(self._reactor, addresses, endpoint, self._options.race_delay, self._memory.note_down)
        return Approach(self._reactor, race, limits)

    @property
    def memory(self) -> Memory:
        """Which addresses did not answer."""
        return self._memory

    @property
    def port(self) -> int:
        """The port of all hosts."""
        return self._options.port

    # Connections.

    def _pool(self, shape: Shape) -> Pool:
        """The connections of all sites of one shape."""
        pool = self._pools.get(shape)
        if pool is None:
            if self._stopped:
                raise SiteFull("the service is going down", BUSY_AGAIN)
            self._sources[shape] = Sources(shape.sources)
            names = {
                str(ipaddress.ip_address(each.address)): to_ascii(each.hostname)
                for each in shape.sources
                if each.hostname
            }
            settings = _settings(self._options, shape)
            connector = Connector(
                self._reactor, settings, self._contexts, hostnames=names, note=self._note_session
            )
            pool = self._pools[shape] = Pool(connector)
        return pool

    def _tcp(self, address: str, port: int, source: str | None) -> IStreamClientEndpoint:
        bind = (source, 0) if source is not None else None
        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        timeout = int(self._options.connect_timeout) + 1
        endpoint: IStreamClientEndpoint = kind(
            self._reactor, address, port, timeout=timeout, bindAddress=bind
        )
        return endpoint

    def _note_session(
        self, target: Target, policy: ClientPolicy, client: SMTPClient, failure: TLSFailed | None
    ) -> None:
        """For reports (RFC 8460)."""
        if self._reports is None:
            return
        result, reason = "", ""
        if failure is not None:
            result, reason = failure.result.value, failure.reason
        elif client.tls is None:
            result, reason = Result.STARTTLS_NOT_SUPPORTED.value, f"{target.host} offers no STARTTLS"
        elif client.tls_fault is not None:
            # A policy under test: nothing failed for it.
            result, reason = client.tls_fault.result.value, client.tls_fault.reason
        address = client.peer.rpartition(":")[0].strip("[]")
        self._reports.note(
            TLSSession(
                target.domain,
                target.host,
                policy,
                result,
                reason,
                address,
                client.source,
                client.capabilities.name,
            )
        )


def _settings(options: RemoteOptions, shape: Shape) -> ClientSettings:
    """What a pool of one shape goes by; a worker never has more connections than all may have."""
    values = {field.name: getattr(options, field.name) for field in attrs.fields(ClientSettings)}
    connections = min(options.connections, shape.connections or options.connections)
    values.update(
        connections=connections,
        messages_per_connection=shape.messages_per_connection,
        recipients_per_transaction=shape.recipients_per_transaction,
        idle_time=shape.idle_time,
    )
    return ClientSettings(**values)


def _ours(options: RemoteOptions, addresses: Collection[str]) -> Callable[[str], bool]:
    if options.loopback:
        return nobody
    return lambda address: address in addresses or is_own_address(address)


def _with_recipients(mail: MailObject, places: Sequence[int]) -> MailObject:
    envelope = mail.envelope
    chosen = [envelope.recipients[place] for place in places]
    return MailObject(
        mail.queue_id,
        type(envelope)(envelope.reverse_path, chosen, envelope.parameters),
        mail.content,
        mail.origin,
    )


def _limited(count: int, status: Status, retry_after: float) -> list[Attempt]:
    return [Attempt(status, Scope.LIMIT, retry_after=retry_after)] * count


def _or_limited(results: Results, status: Status, retry_after: float) -> list[Attempt]:
    """What hosts said already counts; for the others nobody was asked."""
    return results.attempts_or(Attempt(status, Scope.LIMIT, retry_after=retry_after))


def _note(mail: MailObject, domain: str, attempts: Sequence[Attempt]) -> None:
    """The figures, and a line for what no client has told of."""
    for attempt in attempts:
        status = attempt.status
        outcome = "delivered" if status.success else "failed" if status.permanent else attempt.scope.value
        ATTEMPTS.labels("remote", outcome).inc()
    silent = [attempt for attempt in attempts if not attempt.address]
    if silent:
        log.info(
            "{queue_id} not sent to {destination}: {reply}",
            queue_id=mail.queue_id,
            session_id=mail.origin.session_id,
            destination=domain,
            host=silent[0].host,
            reverse_path=f"<{mail.envelope.reverse_path or ''}>",
            forward_path=[f"<{recipient.forward_path}>" for recipient in mail.envelope.recipients],
            reply=repr(silent[0].status.text),
            size=mail.content.size,
        )
