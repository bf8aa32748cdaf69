"""Accounts, aliases and groups in an LDAP server (RFC 4510)."""
