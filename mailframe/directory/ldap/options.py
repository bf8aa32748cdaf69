"""What can be configured of directories in an LDAP server."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, FilePath, Secret, option


@attrs.frozen
class LDAPOptions:
    """A directory in an LDAP server; names of attributes that are left out are those of the preset."""

    servers: tuple[str, ...] = option(
        "`ldap://`, `ldaps://` and `ldapi://` URLs; the first that answers is asked. Connections that leave this "
        "machine must be encrypted.",
    )
    base: str = option("The entry below which all of it is.")
    bind_name: str = option("The name we log in with there; nobody, where it is empty.", "")
    bind_password: Secret | None = option("Our password there.", None)
    start_tls: bool = option(
        "Encrypt `ldap://` connections by StartTLS; without it, nothing is asked.", False
    )
    ca_file: FilePath | None = option(
        "Certificates of those who may vouch for the servers; those of the system, where nothing is said.",
        None,
    )
    verify: bool = option("Check the servers' certificates; can be switched off on this machine only.", True)
    connections: int = option("Connections, and threads, at most.", 4, minimum=1, maximum=64)
    queue: int = option("Questions that may wait for a connection; more are refused for now.", 256, minimum=0)
    connect_timeout: Duration = option(
        "How long a server may take to be reached.", Duration(3.0), minimum=0.1
    )
    timeout: Duration = option("How long an answer is waited for.", Duration(5.0), minimum=0.1)
    longest_delay: Duration = option(
        "The longest time until a server that failed is tried again; it begins with half a second.",
        Duration(15.0),
        minimum=0.5,
    )
    preset: str = option(
        "Which attributes mean what: `inetorgperson` (with inetLocalMailRecipient), `qmail` (qmail-ldap), `posix` "
        "(posixAccount), or `active-directory`.",
        "inetorgperson",
        validator=attrs.validators.in_(("inetorgperson", "qmail", "posix", "active-directory")),
    )
    login: str | None = option(
        "How passwords are checked: `read` them and compare here, `bind` as the entry that is found, bind as the "
        "entry that `login_template` names, without looking for it first (`template`), or let the server `compare`. "
        "With all but `read` there is no SCRAM. By default `bind` with `active-directory`, else `read`.",
        None,
        validator=attrs.validators.in_((None, "read", "bind", "template", "compare")),
    )
    login_template: str = option(
        "The name of somebody's entry, `uid={local},ou=people,dc=example,dc=org`, with `{address}`, `{local}` or "
        "`{domain}`; Active Directory takes `{address}` by itself.",
        "",
    )
    domains: tuple[str, ...] = option("The local domains.", ())
    domain_filter: str = option(
        "Which entries tell of further local domains.", "(objectClass=domainRelatedObject)"
    )
    domain_attribute: str = option(
        "Their attribute with a domain, such as `associatedDomain`; without it, only the domains above are ours.",
        "",
    )
    default_domain: str = option("The domain of accounts whose name has none, as with `posix`.", "")
    account_filter: str | None = option("Which entries are accounts.", None)
    name_attribute: str | None = option("The attribute with an account's name.", None)
    alias_attribute: str | None = option("The one with its further addresses.", None)
    alias_prefix: str | None = option("What stands before each of them, such as `smtp:`.", None)
    password_attribute: str | None = option(
        "The one with its password, in clear or as `{SCHEME}...`; we must be allowed to read it.", None
    )
    quota_attribute: str | None = option("The one with its quota in octets.", None)
    store_attribute: str | None = option("The one with the name of its store.", None)
    forward_attribute: str | None = option("The one with addresses that its mail goes to.", None)
    status_attribute: str | None = option(
        "The one that says `active`, or is not there, where the account is enabled.", None
    )
    disabled_bit: int | None = option(
        "The attribute is a number instead, in which this bit says that the account is not enabled; 0 for the word.",
        None,
    )
    changed_attribute: str | None = option(
        "The one with the time of an entry's last change, for a `replica`; the server should have an index of it.",
        None,
    )
    look_every: Duration = option(
        "How often the server is asked what was changed, where there is a `replica`.",
        Duration(5.0),
        minimum=0.1,
    )
    group_filter: str = option(
        "Which entries are groups.",
        "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=nisMailAlias)(objectClass=posixGroup)"
        "(objectClass=group))",
    )
    group_attribute: str = option(
        "The attribute with a group's address; without it, there are no groups.", ""
    )
    member_attributes: tuple[str, ...] = option(
        "Their attributes with names of entries.", ("member", "uniqueMember")
    )
    address_attributes: tuple[str, ...] = option(
        "Their attributes with addresses, or with names in `default_domain`.",
        ("rfc822MailMember", "memberUid"),
    )
