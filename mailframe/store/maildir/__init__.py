"""Maildir++ folders with a catalogue beside them.

`backend` is where the accounts are, `layout` how one lies: `tree` its directories, `look` what other programs did to
them, `writing` and `reading` its files, `changing` their names. `store` puts it together.
"""
