"""The one source of policies for deliveries: the configuration, then DANE, then MTA-STS, then whatever is offered.

RFC 8461 section 2: MTA-STS never makes DANE weaker. Where a host has TLSA records that can be used, they alone count;
where none can, TLS is promised still, and MTA-STS may ask for more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zope.interface import implementer

from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.message.status import MailframeError, Status
from mailframe.tls.errors import Result
from mailframe.tls.interfaces import ITLSPolicySource, ITLSReports
from mailframe.tls.policies import ClientPolicy, Level, TLSSession, is_ip_address

from . import metrics
from .dane import DANE
from .mta_sts.policy import Mode, STSPolicy
from .mta_sts.source import MTASTS
from .overrides import Override, Overrides, normal_name

NOT_LISTED = Status((4, 7, 5), "The policy of the domain does not list this host")
NO_RECORDS = Status((4, 7, 5), "TLS to this host must be proved by DANE, and it has no records")

Tell = Callable[[str], None]


def _silent(sentence: str) -> None:
    """Tells nobody."""


@implementer(ITLSPolicySource)
class TLSPolicies:
    """Finds what TLS has to give.

    Args:
        resolver: asks the DNS.
        overrides: what the configuration says.
        dane: go by TLSA records.
        mta_sts: knows policies over HTTPS, or None.
        otherwise: the level where nothing else is known.
        reports: is told of hosts that are not used at all, since no session will be.
    """

    def __init__(
        self,
        resolver: IResolver,
        overrides: Overrides | None = None,
        *,
        dane: bool = True,
        mta_sts: MTASTS | None = None,
        otherwise: Level = Level.OPPORTUNISTIC,
        reports: ITLSReports | None = None,
    ) -> None:
        self._overrides = overrides or Overrides()
        # Asked where a rule demands it, even where it is not gone by on its own.
        self._dane = DANE(resolver)
        self._goes_by_dane = dane
        self._mta_sts = mta_sts
        self._otherwise = ClientPolicy(otherwise)
        self._reports = reports

    async def policy(
        self, domain: str, host: str, *, port: int = 25, secure: bool = False, waived: bool = False
    ) -> ClientPolicy:
        """What is demanded of one host (see `mailframe.tls.interfaces.ITLSPolicySource`)."""
        try:
            found = await self.explain(domain, host, port=port, secure=secure, waived=waived)
        except MailframeError:
            metrics.REFUSED.inc()
            raise
        metrics.POLICIES[found.source].inc()
        return found

    async def explain(
        self,
        domain: str,
        host: str,
        *,
        port: int = 25,
        secure: bool = False,
        waived: bool = False,
        tell: Tell = _silent,
    ) -> ClientPolicy:
        """The same, and why.

        Args:
            domain, host, port, secure, waived: as in `policy`.
            tell: is called with a sentence for each thing that was found out.

        Raises:
            MailframeError: as in `policy`.
        """
        domain, host = normal_name(domain), normal_name(host)
        override = self._overrides.of(domain)
        if override is not None:
            tell(f"the configuration demands {override.level.value}")
            return await self._overridden(override, domain, host, port, secure)
        if waived:
            tell("the message waives what the domain publishes")
            return self._otherwise
        records = await self._proved(domain, host, port, secure, tell)
        if records is not None and records.effective().level is Level.DANE:
            return records
        least = self._otherwise if records is None else records
        return await self._published(domain, host, least, tell) or least

    async def _overridden(
        self, override: Override, domain: str, host: str, port: int, secure: bool
    ) -> ClientPolicy:
        if override.level is not Level.DANE:
            return override.policy(domain, host, secure)
        records = await self._records(domain, host, port) if secure else None
        if records is None or records.effective().level is not Level.DANE:
            self._refused(domain, host, ClientPolicy(Level.DANE, source="dane"), Result.DANE_REQUIRED)
            raise MailframeError(NO_RECORDS, f"{host} has no TLSA records that can be used, as is demanded")
        return records

    async def _proved(
        self, domain: str, host: str, port: int, secure: bool, tell: Tell
    ) -> ClientPolicy | None:
        if not self._goes_by_dane:
            tell("DANE is switched off")
            return None
        if not secure:
            tell("DNSSEC does not prove that the host is the domain's: DANE has no say")
            return None
        records = await self._records(domain, host, port)
        if records is None:
            tell("the host has no TLSA records that DNSSEC proves")
        else:
            usable = sum(record.usable for record in records.tlsa)
            tell(
                f"the host has {len(records.tlsa)} TLSA records that DNSSEC proves, {usable} of use for mail"
            )
        return records

    async def _records(self, domain: str, host: str, port: int) -> ClientPolicy | None:
        try:
            return await self._dane.policy(domain, host, port)
        except LookupFailed as failed:
            # Also where nobody answered: who can drop the answers must not get the mail (RFC 7672 section 2.1.2).
            if failed.servfail:
                self._refused(
                    domain,
                    host,
                    ClientPolicy(Level.DANE, source="dane"),
                    Result.DNSSEC_INVALID,
                    failed.reason,
                )
            raise
        except ValueError as error:
            # A name with which the question would be too long; nobody can have published an answer.
            raise MailframeError(NO_RECORDS, f"{host} cannot be asked for TLSA records") from error

    async def _published(
        self, domain: str, host: str, least: ClientPolicy, tell: Tell
    ) -> ClientPolicy | None:
        if self._mta_sts is None:
            tell("MTA-STS is switched off")
            return None
        if domain.startswith("[") or is_ip_address(domain):
            tell("an address has no policy for MTA-STS")
            return None
        policy = await self._mta_sts.policy(domain)
        if policy is None or policy.mode is Mode.NONE:
            tell("the domain has no policy for MTA-STS")
            return None
        listed = policy.lists(host)
        tell(
            f"the policy for MTA-STS is {policy.mode.value}, and {'lists' if listed else 'does not list'} the host"
        )
        if listed:
            return _listed(policy, host, least)
        self._unlisted(policy, domain, host)
        return None

    def _unlisted(self, policy: STSPolicy, domain: str, host: str) -> None:
        """RFC 8461 section 4.1: such a host is passed over; with a policy under test that is only told."""
        demanded = ClientPolicy(Level.VERIFY, (host,), source="mta-sts", text=policy.lines)
        self._refused(
            domain, host, demanded, Result.VALIDATION_FAILURE, f"{host} is not in the policy of {domain}"
        )
        if policy.mode is not Mode.TESTING:
            raise MailframeError(NOT_LISTED, f"{host} is not listed in the MTA-STS policy of {domain}")

    def _refused(
        self, domain: str, host: str, policy: ClientPolicy, result: Result, reason: str = ""
    ) -> None:
        if self._reports is not None:
            self._reports.note(TLSSession(domain, host, policy, result.value, reason))


def _listed(policy: STSPolicy, host: str, least: ClientPolicy) -> ClientPolicy:
    """What a policy asks of a host that it lists; under test no more than is asked anyway."""
    demanded = ClientPolicy(Level.VERIFY, (host,), source="mta-sts", text=policy.lines)
    if policy.mode is Mode.TESTING:
        return replace(demanded, level=least.effective().level, testing=True)
    return demanded
