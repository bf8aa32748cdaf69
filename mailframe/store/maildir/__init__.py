"""Maildir++ folders with a catalogue beside them.

`backend` is where the accounts are, `layout` how one lies: `tree` its directories, `look` what other programs did to
them, `writing` and `reading` its files, `changing` their names. `foreign` reads what Dovecot or Courier keeps beside
folders, `adopting` takes it over, `planning` says so before, and `beside` shares UIDs with a Dovecot that goes on.
`store` puts it together.
"""
