"""Which attributes mean what: presets for the schemas that are about, and what the configuration changes of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from .options import LDAPOptions


@dataclass(frozen=True, slots=True)
class AttributeMap:
    """Names of attributes; "" where there is none. As in `LDAPOptions`."""

    account_filter: str
    name_attribute: str = "mail"
    alias_attribute: str = ""
    password_attribute: str = "userPassword"  # noqa: S105
    quota_attribute: str = ""
    store_attribute: str = ""
    forward_attribute: str = ""
    status_attribute: str = ""
    mode_attribute: str = ""
    alias_prefix: str = ""
    disabled_bit: int = 0
    login: str = "read"
    changed_attribute: str = "modifyTimestamp"


PRESETS = {
    "inetorgperson": AttributeMap(
        "(objectClass=inetOrgPerson)",
        alias_attribute="mailLocalAddress",
        store_attribute="mailHost",
        forward_attribute="mailRoutingAddress",
    ),
    "qmail": AttributeMap(
        "(objectClass=qmailUser)",
        alias_attribute="mailAlternateAddress",
        quota_attribute="mailQuotaSize",
        store_attribute="mailHost",
        forward_attribute="mailForwardingAddress",
        status_attribute="accountStatus",
        mode_attribute="deliveryMode",
    ),
    "active-directory": AttributeMap(
        "(&(objectCategory=person)(objectClass=user))",
        name_attribute="userPrincipalName",
        alias_attribute="proxyAddresses",
        password_attribute="",
        status_attribute="userAccountControl",
        # What comes first says of what kind an address is; the protocol's name compares without case.
        alias_prefix="smtp:",
        disabled_bit=2,
        login="bind",
        changed_attribute="whenChanged",
    ),
    "posix": AttributeMap("(objectClass=posixAccount)", name_attribute="uid"),
}


def attributes_of(options: LDAPOptions) -> AttributeMap:
    """The preset with what the configuration says otherwise."""
    chosen = PRESETS[options.preset]
    said = {field.name: getattr(options, field.name, None) for field in fields(AttributeMap)}
    return replace(chosen, **{name: value for name, value in said.items() if value is not None})
