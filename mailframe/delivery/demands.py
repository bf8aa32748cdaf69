"""What a message itself asks of TLS, beside the policies for hosts (RFC 8689)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mailframe.message.mail import MailObject
from mailframe.message.status import MailframeError, Status
from mailframe.message.tls_required import waives_tls
from mailframe.tls.policies import ClientPolicy, Level

OF_RECIPIENTS: Final = ("dane", "mta-sts")
"""Sources of policies that are the wish of the recipient's domain."""
NOT_PROVED: Final = Status(
    (5, 7, 10),
    "The message must go to hosts that are known for sure, and nothing proves this one (REQUIRETLS)",
)


def waived(policy: ClientPolicy, mail: MailObject) -> bool:
    """Does ``TLS-Required: No`` set the fixed policy of a next hop aside?

    RFC 8689 section 8.3: it has us behave as if we knew nothing of DANE and MTA-STS, so what the domain of the
    recipient demands does not count. What the administrator demands does: a header field shall not take TLS from him.
    """
    return (
        policy.source in OF_RECIPIENTS
        and policy.level.required
        and waives_tls(mail.envelope, mail.content.head)
    )


def demanded(policy: ClientPolicy, mail: MailObject, host: str, proved: bool) -> ClientPolicy:
    """The policy for one message at one host.

    REQUIRETLS asks for a verified server, whatever the policy is content with, and for a proof that it is the right
    one: DNSSEC, MTA-STS or the configuration (RFC 8689 section 4.2.1).

    Args:
        policy: for the host.
        mail: the message.
        host: its name, which the certificate must have.
        proved: it is known for sure that the domain's mail goes to this host.

    Raises:
        MailframeError: permanent: REQUIRETLS cannot be kept with this host.
    """
    # Records of which none is usable promise encryption, and no more (RFC 7672 section 2.2).
    if not mail.envelope.require_tls or policy.effective().level.authenticated:
        return policy
    if not proved:
        raise MailframeError(NOT_PROVED)
    names = policy.names or (host,)
    return replace(policy, level=Level.VERIFY, names=names, tlsa=(), testing=False)
