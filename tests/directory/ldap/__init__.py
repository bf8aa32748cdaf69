"""Tests of directories in an LDAP server."""
