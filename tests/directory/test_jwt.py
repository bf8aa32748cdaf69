"""Tokens that are JWTs."""

from __future__ import annotations

import hmac
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration
from mailframe.directory.jwt import BadToken, UnknownKey, account_named, read_keys, verified_claims
from mailframe.directory.options import OAuthOptions

from . import issuer
from .issuer import NOW, keys_text, rsa_jwk, token, url64

OPTIONS: dict[str, Any] = {
    "jwks": "https://id.example.test/keys",
    "issuer": issuer.ISSUER,
    "audience": ("other", issuer.AUDIENCE),
    "scope": ("mail",),
}


class VerifiedTests(SynchronousTestCase):
    """What is believed, and what is not."""

    keys = read_keys(keys_text())

    def claims(self, text: str, now: float = NOW, **options: Any) -> Any:
        return verified_claims(text, self.keys, OAuthOptions(**{**OPTIONS, **options}), now)

    def refused(self, text: str, word: str, **options: Any) -> None:
        error = self.assertRaises(BadToken, self.claims, text, **options)
        self.assertIn(word, str(error))

    def test_algorithms(self) -> None:
        """RS256, ES256 and EdDSA, each with its own kind of key, named or not."""
        for algorithm in issuer.SIGNERS:
            self.assertEqual(self.claims(token(algorithm))["email"], "alice@example.test")
            self.claims(token(algorithm, {"kid": None}))

    def test_signature(self) -> None:
        """Another signature, another key, no signature: refused."""
        head, body, signature = token().split(".")
        self.refused(f"{head}.{body}.{url64(bytes(256))}", "signature")
        self.refused(f"{head}.{body}.", "signature")
        self.refused(
            f"{head}.{url64(json.dumps(issuer.claims(email='eve@x')).encode())}.{signature}", "signature"
        )
        self.refused(token("RS256", sign=issuer.sign_ec), "signature")
        self.refused(token("ES256", sign=lambda octets: bytes(64)), "signature")
        self.refused(token("ES256", sign=lambda octets: bytes(63)), "signature")
        self.refused(token("RS256", {"kid": "ec"}), "signature")
        for kind, claimed in (("ES256", "RS256"), ("EdDSA", "ES256"), ("RS256", "EdDSA")):
            self.refused(token(kind, {"alg": claimed}), "signature")
            self.refused(token(kind, {"alg": claimed, "kid": None}), "signature")

    def test_algorithm_of_the_token(self) -> None:
        """A token does not choose how it is checked: neither not at all, nor with the public key as a secret."""
        self.refused(token(header={"alg": "none"}, sign=lambda octets: b""), "algorithm")
        public = keys_text(rsa_jwk(issuer.RSA))
        self.refused(
            token(header={"alg": "HS256"}, sign=lambda octets: hmac.digest(public, octets, "sha256")),
            "algorithm",
        )
        self.refused(token("EdDSA"), "algorithm", algorithms=("RS256",))

    def test_keys_of_the_token(self) -> None:
        """A key that comes with the token is no key, and what must be understood is not."""
        self.refused(token(header={"jwk": issuer.jwks()[0], "kid": "mine"}), "unknown key")
        self.refused(token(header={"crit": ["exp"]}), "understood")

    def test_unknown_key(self) -> None:
        """A key that is not there may be in a newer set."""
        self.assertRaises(UnknownKey, self.claims, token(header={"kid": "new"}))

    def test_type(self) -> None:
        """An identity token, which any web page has, is no access token."""
        for kind in ("JWT", None, 5):
            self.refused(token(header={"typ": kind}), "type")
        self.claims(token(header={"typ": "application/AT+jwt"}))
        self.claims(token(header={"typ": "JWT"}), types=("jwt",))

    def test_issuer_and_audience(self) -> None:
        """Of this issuer, for us."""
        for other in ("https://id.example.test", None, ["x"]):
            self.refused(token(iss=other), "issuer")
        for other in ("webshop", None, [], ["webshop"], {"mail": 1}, 5):
            self.refused(token(aud=other), "audience")
        self.claims(token(aud=["webshop", issuer.AUDIENCE]))

    def test_times(self) -> None:
        """Not before, not after; clocks may be off by half a minute; a token without an end is refused."""
        self.claims(token(exp=NOW - 20, nbf=NOW + 20))
        self.refused(token(exp=NOW - 31), "out of date")
        self.refused(token(exp=NOW), "out of date", leeway=Duration(0))
        self.refused(token(nbf=NOW + 31), "not good yet")
        self.refused(token(iat=NOW + 31), "not good yet")
        self.refused(token(exp=None), "without an end")
        for time in ("tomorrow", True, [1], float("nan"), float("inf")):
            self.refused(token(exp=time), "no number")
        self.refused(token(nbf=float("nan")), "no number")

    def test_scope(self) -> None:
        """All that is asked for, in one text or a list."""
        for other in ("", "openid", None, 5):
            self.refused(token(scope=other), "scope")
        self.claims(token(scope=["mail"]))
        self.claims(token(scope=None, scp="mail"))

    def test_account(self) -> None:
        """The claim that names the account; an address that was not verified is nobody's."""
        options = OAuthOptions(**OPTIONS)
        self.assertEqual(account_named(issuer.claims(), options), "alice@example.test")
        for changes in ({"email": None}, {"email": 5}, {"email": ""}, {"email": ["alice@example.test"]}):
            self.assertRaises(BadToken, account_named, issuer.claims(**changes), options)
        for verified in (False, "false", "", 0, [True]):
            claims = {**issuer.claims(), "email_verified": verified}
            self.assertRaises(BadToken, account_named, claims, options)
        for good in (True, "true"):
            account_named({**issuer.claims(), "email_verified": good}, options)
        account_named({"sub": "x", "email_verified": False}, OAuthOptions(claim="sub"))
        self.assertEqual(account_named({"sub": "x"}, OAuthOptions(claim="sub")), "x")

    def test_malformed(self) -> None:
        """What is no token is refused, and nothing of it gets into the log."""
        head, body, signature = token().split(".")
        for text in (
            "",
            "x",
            "a.b",
            "a.b.c.d",
            f"{head}.{body}",
            f"é.{body}.{signature}",
            f"{head}.é.{signature}",
            f"{head}.{body}.é",
            f"{head}=.{body}.{signature}",
            f"{url64(b'[]')}.{body}.{signature}",
            f"{url64(b'{' * 5000)}.{body}.{signature}",
            f"{url64(b'[' * 5000)}.{body}.{signature}",
            f"{head}.{body}.a b",
        ):
            error = self.assertRaises(BadToken, self.claims, text)
            self.assertTrue(not signature or signature not in str(error))

    @given(st.text(st.sampled_from("ab.-_=e30"), max_size=30) | st.text(max_size=20))
    def test_anything(self, text: str) -> None:
        """Whatever comes is refused and nothing else."""
        self.assertRaises(BadToken, self.claims, text)


class KeysTests(SynchronousTestCase):
    """Sets of keys."""

    def test_usable(self) -> None:
        """Keys that are for something else, too short or broken are passed over."""
        good = rsa_jwk(issuer.RSA)
        found = read_keys(
            keys_text(
                good,
                rsa_jwk(issuer.RSA, use="enc"),
                rsa_jwk(issuer.RSA, key_ops=["encrypt"]),
                rsa_jwk(issuer.RSA, key_ops="verify"),
                rsa_jwk(issuer.RSA, e=issuer.number(2**2047 + 1)),
                rsa_jwk(issuer.RSA, d=issuer.number(issuer.RSA.private_numbers().d)),
                {**issuer.jwks()[1], "d": "AA"},
                rsa_jwk(issuer.RSA, alg="RS512"),
                rsa_jwk(issuer.SHORT_RSA),
                {"kty": "RSA", "n": "!", "e": "AQAB"},
                {"kty": "RSA"},
                {"kty": "oct", "k": "c2VjcmV0"},
                {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
                {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"},
                {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
                {},
            )
        )
        self.assertEqual([(key.identifier, key.algorithm) for key in found], [("rsa", "RS256")])
        self.assertEqual(len(read_keys(keys_text(rsa_jwk(issuer.RSA, key_ops=["sign", "verify"])))), 1)

    def test_no_set(self) -> None:
        """What is no set of keys is told."""
        for text in (b"", b"[]", b"{}", b'{"keys": 5}', b"\xff"):
            self.assertRaises(ValueError, read_keys, text)
        self.assertEqual(read_keys(b'{"keys": [5, "x"]}'), [])
