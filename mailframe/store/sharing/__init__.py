"""Mailboxes that several people use: rights, and annotations.

`rights` knows RFC 4314, `entries` the names of annotations (RFC 5464).
"""
