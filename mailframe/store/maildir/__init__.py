"""Maildir++ folders with a catalogue beside them: the store's first backend on disk.

A message's way in is `delivery` (files written, flushed and, by `arrival`, renamed in groups), its way out
`reading`. `look` takes in what other programs did to the directories. `maildrop` is one open account, `shelf` those
that are open in one thread. `account` is what sessions hold, `store` is the whole.
"""
