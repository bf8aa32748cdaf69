"""What can be configured of directories and of checking passwords."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mailframe.config.types import DataPath, Duration, FilePath, Network, Secret, option

OLD_SCHEMES = (
    "SHA512-CRYPT", "SHA256-CRYPT", "MD5-CRYPT", "SSHA512", "SSHA256", "SSHA", "SMD5",
    "SHA512", "SHA256", "SHA", "SHA1", "LDAP-MD5", "PLAIN-MD5",
)  # fmt: skip
"""Fast ones, which a thief of the directory could guess through."""


@attrs.frozen
class SQLiteOptions:
    """The directory in a file of its own, kept by ``mailframe account``, ``alias`` and ``domain``."""

    path: DataPath = option("The database file.", DataPath("directory.sqlite"))
    cache_entries: int = option("How many answers are remembered.", 10_000, minimum=1)
    cache_time: Duration = option(
        "How long an answer is remembered; a change in the file is noticed within a second all the same.",
        Duration(60.0),
        minimum=0,
    )
    history: int = option(
        "How many changes are remembered, with who made them; copies that are further behind begin anew.",
        1_000_000,
        minimum=1000,
    )


@attrs.frozen
class MemoryDirectoryOptions:
    """A directory written in the configuration; commands cannot change it."""

    domains: tuple[str, ...] = option("The local domains.", ())
    accounts: Mapping[str, str] = option(
        "Account names and their passwords, in clear or as ``{SCHEME}...``.", factory=dict
    )
    aliases: Mapping[str, tuple[str, ...]] = option("Further addresses, and where each leads.", factory=dict)


@attrs.frozen
class OAuthOptions:
    """Whose OAuth 2.0 tokens let in, for OAUTHBEARER and XOAUTH2: by asking the server that gave them, or by keys."""

    introspection: str = option(
        "The URL at which the authorization server tells what a token is worth (RFC 7662); `https:` but on this "
        "machine.",
        "",
    )
    client_id: str = option("Our name there.", "")
    client_secret: Secret | None = option("Our password there.", None)
    jwks: str = option(
        "The `https:` URL of the keys that tokens are signed with (RFC 7517), where tokens are JWTs (RFC 9068).",
        "",
    )
    jwks_file: FilePath | None = option("The same keys in a file.", None)
    issuer: str = option("Who must have given the token; required with keys.", "")
    audience: tuple[str, ...] = option("Whom the token must be for, one of these; required with keys.", ())
    algorithms: tuple[str, ...] = option(
        "Signatures that are taken: `RS256`, `ES256`, `EdDSA`.",
        ("RS256", "ES256", "EdDSA"),
        validator=attrs.validators.deep_iterable(attrs.validators.in_(("RS256", "ES256", "EdDSA"))),
    )
    types: tuple[str, ...] = option(
        "What the header of a JWT may call it; add `JWT` for servers that do not know RFC 9068.",
        ("at+jwt", "application/at+jwt"),
    )
    claim: str = option("The claim, or member of the answer, that names the account.", "email")
    scope: tuple[str, ...] = option("Scopes that a token must have, all of them.", ())
    configuration: str = option(
        "The URL of the issuer's `openid-configuration`, told to clients whose token is refused.", ""
    )
    leeway: Duration = option(
        "How far the issuer's clock may be off.", Duration(30.0), minimum=0, maximum=600
    )
    timeout: Duration = option("How long to wait for the authorization server.", Duration(10.0), minimum=0.1)
    remember: Duration = option(
        "How long an answer about a token, and a set of keys, is good.", Duration(60.0), minimum=0
    )
    remember_entries: int = option("How many answers are remembered.", 10_000, minimum=1)


@attrs.frozen
class PasswordOptions:
    """How passwords are checked, what else lets in, and what follows failed logins."""

    threads: int = option(
        "Threads that hash passwords; 0 for one a core, four at most. Each needs 19 MiB.",
        0,
        minimum=0,
        maximum=64,
    )
    queue: int = option(
        "Logins that may wait for a thread; more are told to try again later.", 128, minimum=0
    )
    remember: Duration = option(
        "How long a right password is remembered, so that a client with many connections is hashed once; "
        "forgotten when the password changes.",
        Duration(60.0),
        minimum=0,
    )
    remember_entries: int = option("How many right passwords are remembered.", 10_000, minimum=1)
    rehash: tuple[str, ...] = option(
        "Schemes whose hashes are replaced by one of the best scheme there is, where the directory can keep it, when "
        "their owner logs in by PLAIN or LOGIN.",
        OLD_SCHEMES,
    )
    scram: bool = option(
        "Offer SCRAM-SHA-256, and keep its keys beside the hash of each password that is new, or right at a login by "
        "PLAIN or LOGIN. Until then an account whose password is kept as a hash only cannot log in by SCRAM; many "
        "clients try nothing else once it is offered.",
        False,
    )
    scram_sha_1: bool = option("The same for SCRAM-SHA-1, for clients that have nothing newer.", False)
    scram_iterations: int = option(
        "How costly a guess at new SCRAM keys is; the client has to pay it at each login.",
        15_000,
        minimum=4096,
        maximum=600_000,
    )
    salt_secret: Secret | None = option(
        "Makes the salts that users who do not exist seem to have. Without it, one is made and kept in the data "
        "directory; nodes that share a name should share it.",
        None,
    )
    cram_md5: bool = option(
        "Offer CRAM-MD5. Only accounts whose password is kept as `{PLAIN}` or `{CRAM-MD5}` can log in by it.",
        False,
    )
    external: bool = option(
        "Offer EXTERNAL to clients with a verified certificate: its name is the account's.", False
    )
    oauth: OAuthOptions | None = option("OAuth 2.0 tokens; none where this is left out.", None)
    default_domain: str = option("The domain added to a login name that has none.", "")
    account_attempts: int = option(
        "Failed logins to one account before the next ones are delayed.", 5, minimum=0
    )
    network_attempts: int = option(
        "Failed logins from one network before the next ones are delayed.", 20, minimum=0
    )
    first_delay: Duration = option(
        "The first delay; each further failure doubles it.", Duration(1.0), minimum=0
    )
    longest_delay: Duration = option("The longest delay.", Duration(15.0), minimum=0)
    forget: Duration = option(
        "Failures are forgotten after so long without another.", Duration(900.0), minimum=0
    )
    waiting: int = option(
        "Logins to one account, or from one network, that may be delayed at once; more are told to try again "
        "later.",
        10,
        minimum=1,
    )
    ipv4_prefix: int = option("Bits of an IPv4 address that make a network.", 32, minimum=8, maximum=32)
    ipv6_prefix: int = option("Bits of an IPv6 address that make a network.", 64, minimum=16, maximum=128)
    trusted_networks: tuple[Network, ...] = option(
        "Networks whose failures are not held against them, such as those of a webmail host.",
        (Network("127.0.0.0/8"), Network("::1/128")),
    )

    @property
    def scram_mechanisms(self) -> tuple[str, ...]:
        """The SCRAM mechanisms that are offered, and that new passwords get keys for."""
        wanted = {"SCRAM-SHA-256": self.scram, "SCRAM-SHA-1": self.scram_sha_1}
        return tuple(name for name, yes in wanted.items() if yes)
