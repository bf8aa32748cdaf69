"""What other mail programs keep beside Maildir folders, read and written without I/O.

One module a format: `uidlist` (Dovecot's ``dovecot-uidlist``, Courier's ``courierimapuiddb``), `dovecot_keywords` and
`courier_keywords`, `subscriptions`, `pop3_sizes` (``courierpop3dsizelist``), `uidl_format` (Dovecot's
``pop3_uidl_format``), `uidvalidity` and `maildirsize`. Octets come in and values go out, or octets again; who finds,
locks and replaces the files is in `mailframe.store.maildir`.

File names are text as ``os.fsdecode`` makes it, without their flags.
"""
