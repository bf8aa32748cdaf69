"""SCRAM keys for accounts whose password is older than SCRAM is here: made when it comes by, at a login by PLAIN.

Nobody waits for it, and a login does not fail because of it: what cannot be kept now is made at another login.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.message.status import MailframeError

from .costly_hashes import BCRYPT_OCTETS
from .hashing import BUSY, HashingThreads
from .interfaces import ICredentialSource, IKeepKeys
from .options import PasswordOptions
from .passwords import in_clear
from .scram_keys import keys_of, make_keys
from .values import Credential

log = Logger()


class KeysAtLogin:
    """Gives keys to accounts that have none, or some that cost another number of iterations.

    Args:
        source: where credentials come from; nothing is done unless it provides `IKeepKeys`.
        threads: where keys are made.
        options: of which mechanisms, at what cost.
        salt: of a mechanism and an account. The one that was shown before there were keys, so that nobody who looks
            at it sees that somebody logged in.
    """

    def __init__(
        self,
        source: ICredentialSource,
        threads: HashingThreads,
        options: PasswordOptions,
        salt: Callable[[str, str], bytes],
    ) -> None:
        self._keeper: IKeepKeys | None = source if IKeepKeys.providedBy(source) else None
        self._threads = threads
        self._options = options
        self._salt = salt

    def give(self, credential: Credential, password: bytes) -> None:
        """The password was right: make what is lacking, and have it kept.

        Args:
            credential: what the password was checked against; an account that may log in.
            password: as the client sent it.
        """
        # Behind so many octets bcrypt looks at nothing, so the password may be another.
        if self._keeper is None or len(password) > BCRYPT_OCTETS:
            return
        try:
            lacking = self._lacking(credential)
        except ValueError:
            # What is kept cannot be read, which is told to whoever asks for it.
            return
        if lacking:
            given = Deferred.fromCoroutine(self._make(self._keeper, credential, password, lacking))
            given.addErrback(_not_kept, credential.account.name)

    def _lacking(self, credential: Credential) -> list[str]:
        """The mechanisms that need keys; none where the password itself is there to make them from."""
        if in_clear(credential.password_hash) is not None:
            return []
        kept = {name: keys_of(credential, name) for name in self._options.scram_mechanisms}
        cost = self._options.scram_iterations
        return [name for name, keys in kept.items() if keys is None or keys.iterations != cost]

    async def _make(
        self, keeper: IKeepKeys, credential: Credential, password: bytes, lacking: list[str]
    ) -> None:
        account = credential.account.name
        fresh = {f"{{{name}}}" for name in lacking}
        keys = [stored for stored in credential.keys if stored[: stored.find("}") + 1].upper() not in fresh]
        for name in lacking:
            salt = self._salt(name, account)
            made = await self._threads.run(make_keys, name, password, self._options.scram_iterations, salt)
            keys.append(f"{{{name}}}{made}")
        if await keeper.keep_keys(account, credential.password_hash, keys):
            log.info(
                "{account} has keys for {mechanisms} now", account=account, mechanisms=", ".join(lacking)
            )


def _not_kept(failure: Failure, account: str) -> None:
    error = failure.value
    if not isinstance(error, MailframeError):
        log.failure("no SCRAM keys could be made for {account}", failure, account=account)
    elif error.status != BUSY:
        log.warn("SCRAM keys of {account} cannot be kept: {reason}", account=account, reason=error.reason)
