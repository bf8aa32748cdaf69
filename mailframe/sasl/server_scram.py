"""The server's side of SCRAM, with and without channel binding (RFC 5802, RFC 7677, RFC 9266)."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final

from mailframe.message.status import ProtocolError, Status

from . import scram
from .scram import MALFORMED, Keys
from .values import Challenge, KeysWanted, Proof, Step

DOWNGRADED: Final = Status(
    (5, 7, 0),
    "Channel binding is offered here; somebody told you otherwise",
    "AUTHENTICATIONFAILED",
    reply_code=535,
)
OTHER_BINDING: Final = Status((5, 7, 0), "Bind to tls-exporter", "AUTHENTICATIONFAILED", reply_code=535)
NONCE_OCTETS: Final = 18


class Scram:
    """One exchange.

    Args:
        base: the mechanism without ``-PLUS``.
        binding: the channel binding, where this is a ``-PLUS`` mechanism; None otherwise.
        plus_offered: was the client offered a ``-PLUS`` mechanism?
        nonce: for tests; random otherwise.
    """

    def __init__(
        self, base: str, binding: bytes | None, plus_offered: bool, nonce: bytes | None = None
    ) -> None:
        self._base = base
        self._algorithm = scram.HASHES[base]
        self._binding = binding
        self._plus_offered = plus_offered
        self._nonce = nonce or base64.b64encode(secrets.token_bytes(NONCE_OCTETS))
        self._header = self._bare = self._first = b""
        self._authcid = self._authzid = ""
        self._keys: Keys | None = None
        self.final = b""

    def step(self, response: bytes | None) -> Step:
        """Take the client's first message, then its proof."""
        if response is None:
            return Challenge(b"")
        if self._keys is not None:
            return self._proof(response, self._keys)
        if self._bare:
            raise ProtocolError(MALFORMED)
        self._take_first(response)
        return KeysWanted(self._authcid, self._base)

    def keys(self, found: Keys) -> Step:
        """Say with which salt and at what cost they were made."""
        self._keys = found
        salt = base64.b64encode(found.salt)
        self._first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, found.iterations)
        return Challenge(self._first)

    def refusal(self, hints: bytes) -> bytes | None:
        """Nothing: RFC 5802 section 7 leaves ``e=`` out where a server likes."""
        return None

    def _take_first(self, message: bytes) -> None:
        flag, comma, rest = message.partition(b",")
        authzid, second_comma, bare = rest.partition(b",")
        if not comma or not second_comma or len(message) > scram.LIMIT:
            raise ProtocolError(MALFORMED)
        self._check_flag(flag)
        if authzid:
            if not authzid.startswith(b"a="):
                raise ProtocolError(MALFORMED)
            self._authzid = scram.from_saslname(authzid[2:])
        (name, nonce), _ = scram.attributes(bare, "n", "r")
        self._authcid = scram.from_saslname(name)
        self._header, self._bare = message[: -len(bare)], bare
        self._nonce = scram.nonce(nonce) + self._nonce

    def _check_flag(self, flag: bytes) -> None:
        """RFC 5802 section 6: what the client says of channel binding must fit what it was offered."""
        if flag.startswith(b"p="):
            if self._binding is None:
                raise ProtocolError(MALFORMED)
            if flag[2:] != scram.BINDING_TYPE.encode("ascii"):
                raise ProtocolError(OTHER_BINDING)
        elif flag not in (b"n", b"y") or self._binding is not None:
            raise ProtocolError(MALFORMED)
        elif flag == b"y" and self._plus_offered:
            raise ProtocolError(DOWNGRADED)

    def _proof(self, message: bytes, keys: Keys) -> Step:
        without_proof, comma, proof = message.rpartition(b",p=")
        (bound, nonce), _ = scram.attributes(without_proof, "c", "r")
        if not comma:
            raise ProtocolError(MALFORMED)
        given, bound_to = scram.from_base64(proof), scram.from_base64(bound)
        everything = b",".join((self._bare, self._first, without_proof))
        right = scram.is_proof(self._algorithm, keys, everything, given)
        right &= hmac.compare_digest(bound_to, self._header + (self._binding or b""))
        right &= hmac.compare_digest(nonce, self._nonce)
        signature = scram.server_signature(self._algorithm, keys.server_key, everything)
        self.final = b"v=" + base64.b64encode(signature)
        # A second proof for the same nonce would be a second guess.
        self._keys = None
        name = self._base + (scram.PLUS if self._binding is not None else "")
        return Proof(self._authcid, right, self._authzid, name)
