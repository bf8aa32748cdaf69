"""Sends reports by HTTPS (RFC 8460 section 5.4)."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from mailframe.delivery.protection.https import HTTPSFailed, request
from mailframe.dns.interfaces import IResolver
from mailframe.tls.interfaces import IClientContexts

from .report import Report

log = Logger()

TIMEOUT = 60.0
ANSWER_LIMIT = 64 * 1024


class HTTPSPost:
    """A `mailframe.tlsrpt.sending.Post`.

    Args:
        reactor: makes connections and keeps time.
        resolver: finds hosts.
        contexts: whom to trust.
        timeout: seconds for one report.
        public: only to addresses of the Internet, since strangers say where reports go; False for tests.
    """

    def __init__(
        self,
        reactor: Any,
        resolver: IResolver,
        contexts: IClientContexts,
        timeout: float = TIMEOUT,
        *,
        public: bool = True,
    ) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._contexts = contexts
        self._timeout = timeout
        self._public = public

    async def __call__(self, url: str, report: Report) -> bool:
        """Send one report."""
        try:
            answer = await request(
                self._reactor,
                self._resolver,
                self._contexts,
                b"POST",
                url,
                headers={"Content-Type": "application/tlsrpt+gzip"},
                body=report.compressed,
                timeout=self._timeout,
                size_limit=ANSWER_LIMIT,
                public=self._public,
            )
        except HTTPSFailed as failed:
            log.info("no report about TLS to {url}: {reason}", url=url, reason=str(failed))
            return False
        if not 200 <= answer.code < 300:
            log.info("no report about TLS to {url}: the answer was {code}", url=url, code=answer.code)
        return 200 <= answer.code < 300
