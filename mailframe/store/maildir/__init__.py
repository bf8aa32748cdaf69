"""Maildirs with a catalogue an account.

`backend` is where the accounts are, `layout` how one lies: `tree` its directories, `look` what other programs did to
them, `writing` and `reading` its files, `changing` their names. `foreign` reads what Dovecot or Courier keeps beside
folders, `adopting` takes it over, `planning` says so before, and `beside` shares UIDs with a Dovecot that goes on.
`nesting` is the file-system layout. For other programs, `letters` has keywords in names of files, `quota_file` and
`subscription_file` write what their names say; `watching` has the system tell what they do, by `notices`.
`store` puts it together.
"""
