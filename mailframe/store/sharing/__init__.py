"""Mailboxes that several people use.

`rights` knows RFC 4314, `entries` the names of annotations (RFC 5464). `store` gives a session the mailboxes of
others beside its own: `namespaces` says under which names, `shares` knows where to look, and `account` and `mailbox`
let nobody do what he has no right to.
"""
