"""Which extensions a listener offers, to whom, and what it makes of their parameters. Shared by all its sessions.

The grammar of the values is in `mailframe.message.esmtp`. What is offered here in words is in ``docs/smtp.rst``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mailframe.message import esmtp, verp
from mailframe.message.networks import Networks
from mailframe.message.origin import Origin
from mailframe.message.status import ProtocolError, Status

from .settings import SMTPSettings
from .wire.parameters import BAD_PARAMETER, Parameters, check_parameters, parse_any_body, parse_body

TOO_LARGE: Final = Status((5, 3, 4), "The message is larger than is taken here", "TOOBIG", reply_code=552)
NEEDS_TLS: Final = Status((5, 7, 10), "REQUIRETLS needs TLS", reply_code=530)
ONE_HOLD: Final = BAD_PARAMETER.with_text("Say HOLDFOR or HOLDUNTIL, not both")
TOO_LONG_A_HOLD: Final = BAD_PARAMETER.with_text("Messages are not held so long here")

_Check = Callable[[str | None], object]
_NEEDED_BY: Final = {"8BITMIME": {"BINARYMIME", "SMTPUTF8"}, "CHUNKING": {"BINARYMIME"}}
"""What cannot be offered without another extension (RFC 3030 section 3, RFC 6531 section 3.1)."""
# Parameters that mean different things from different clients.
_JUDGED: Final = frozenset({"AUTH", "MT-PRIORITY", "HOLDFOR", "HOLDUNTIL", "REQUIRETLS"})


class Extensions:
    """What a listener offers.

    Args:
        settings: the listener's.
        login_possible: can anybody log in here?

    Attributes:
        chunking: is BDAT offered (RFC 3030)?
    """

    def __init__(self, settings: SMTPSettings, login_possible: bool) -> None:
        self._settings = settings
        self._hidden = _with_dependants(frozenset(settings.not_offered))
        self._trusted = Networks(settings.trusted_networks)
        self.chunking = self._offers("CHUNKING")
        self._keywords = self._fixed_keywords()
        self._in_clear = self._mail_checks(login_possible)
        self._under_tls = dict(self._in_clear)
        if self._offers("REQUIRETLS"):
            self._under_tls["REQUIRETLS"] = esmtp.parse_flag
        self._of_recipients: Mapping[str, _Check] = {}
        if self._offers("DSN"):
            self._of_recipients = {
                "NOTIFY": esmtp.parse_notify,
                "ORCPT": esmtp.parse_original_recipient,
            }

    def keywords(self, secure: bool, now: float) -> list[str]:
        """The lines of the answer to EHLO, but for STARTTLS, AUTH and the like, which the session knows.

        Args:
            secure: is TLS on?
            now: the clock's seconds.
        """
        keywords = list(self._keywords)
        if secure and self._offers("REQUIRETLS"):
            keywords.append("REQUIRETLS")
        if limit := int(self._settings.future_release):
            keywords.append(f"FUTURERELEASE {limit} {esmtp.format_time(now + limit)}")
        if self._offers("ENHANCEDSTATUSCODES"):
            keywords.append("ENHANCEDSTATUSCODES")
        return keywords

    def check_mail(self, parameters: Parameters, origin: Origin, secure: bool, now: float) -> Status | None:
        """Look at the parameters of MAIL; what the client may not ask for is lowered in them.

        Args:
            parameters: as parsed.
            origin: the client.
            secure: is TLS on?
            now: the clock's seconds.

        Returns:
            Why the command is refused, or None.

        Raises:
            ProtocolError: 555 for one that is not offered, 501 for a bad value.
        """
        judged = not _JUDGED.isdisjoint(parameters)
        if judged and not secure and "REQUIRETLS" in parameters and self._offers("REQUIRETLS"):
            return NEEDS_TLS
        check_parameters(parameters, self._under_tls if secure else self._in_clear)
        size = parameters.get("SIZE")
        if size is not None and int(size) > self._settings.size_limit:
            return TOO_LARGE
        if judged:
            self._judge(parameters, origin, now)
        return None

    def check_rcpt(self, parameters: Parameters) -> None:
        """Look at the parameters of RCPT.

        Raises:
            ProtocolError: as `check_mail`.
        """
        if parameters:
            check_parameters(parameters, self._of_recipients)

    def _offers(self, keyword: str) -> bool:
        return keyword not in self._hidden

    def _fixed_keywords(self) -> list[str]:
        settings = self._settings
        keywords = [
            "PIPELINING",
            "SIZE",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "BINARYMIME",
            "DSN",
            "MT-PRIORITY",
        ]
        keywords = [keyword for keyword in keywords if self._offers(keyword)]
        if "SIZE" in keywords:
            keywords[keywords.index("SIZE")] = f"SIZE {settings.size_limit}"
        if self._offers("LIMITS"):
            limits = [f"RCPTMAX={min(settings.recipients_limit, 999_999)}"]
            if settings.transactions_limit:
                limits.insert(0, f"MAILMAX={min(settings.transactions_limit, 999_999)}")
            keywords.append(" ".join(["LIMITS", *limits]))
        if settings.deliver_by:
            keywords.append("DELIVERBY")
        if settings.xverp:
            keywords.append(verp.KEYWORD)
        return keywords

    def _mail_checks(self, login_possible: bool) -> dict[str, _Check]:
        body = parse_any_body if self._offers("BINARYMIME") else parse_body
        checks: dict[str, tuple[str, _Check]] = {
            "SIZE": ("SIZE", esmtp.parse_size),
            "BODY": ("8BITMIME", body),
            "SMTPUTF8": ("SMTPUTF8", esmtp.parse_flag),
            "RET": ("DSN", esmtp.parse_return),
            "ENVID": ("DSN", esmtp.parse_envelope_id),
            "MT-PRIORITY": ("MT-PRIORITY", esmtp.parse_priority),
        }
        known = {name: check for name, (keyword, check) in checks.items() if self._offers(keyword)}
        # RFC 4954 section 5: whoever offers AUTH takes the parameter, from clients that did not log in, too.
        if login_possible or self._settings.trusted_networks or self._settings.protocol == "lmtp":
            known["AUTH"] = esmtp.parse_auth
        if self._settings.future_release:
            known.update(HOLDFOR=esmtp.parse_hold_for, HOLDUNTIL=esmtp.parse_hold_until)
        if self._settings.deliver_by:
            known["BY"] = esmtp.parse_deliver_by
        if self._settings.xverp:
            known[verp.KEYWORD] = verp.parse_delimiters
        return known

    def _judge(self, parameters: Parameters, origin: Origin, now: float) -> None:
        trusted = origin.protocol == "lmtp" or origin.peer in self._trusted
        if (
            "AUTH" in parameters
            and not trusted
            and parameters["AUTH"] != esmtp.encode_xtext(origin.login or "<>")
        ):
            # RFC 4954 section 5: what an untrusted client says counts as <>.
            parameters["AUTH"] = "<>"
        if "MT-PRIORITY" in parameters and not trusted and origin.login is None:
            asked = esmtp.parse_priority(parameters["MT-PRIORITY"])
            parameters["MT-PRIORITY"] = str(min(asked, self._settings.priority_limit))
        if "HOLDFOR" in parameters or "HOLDUNTIL" in parameters:
            self._check_hold(parameters, now)

    def _check_hold(self, parameters: Parameters, now: float) -> None:
        if "HOLDFOR" in parameters and "HOLDUNTIL" in parameters:
            raise ProtocolError(ONE_HOLD)
        if "HOLDFOR" in parameters:
            seconds = float(esmtp.parse_hold_for(parameters["HOLDFOR"]))
        else:
            seconds = esmtp.parse_hold_until(parameters["HOLDUNTIL"]).timestamp() - now
        if seconds > self._settings.future_release:
            raise ProtocolError(TOO_LONG_A_HOLD)


def _with_dependants(hidden: frozenset[str]) -> frozenset[str]:
    return hidden.union(*(_NEEDED_BY[keyword] for keyword in hidden & _NEEDED_BY.keys()))
