"""A maildrop at work: what is true of an account's mailboxes however they lie.

`store` is the whole, with its threads (`threads`) and the accounts that each has open (`shelf`). `maildrop` is one
open account: a catalogue, and a layout (`layout`), which knows how its mailboxes and messages lie. A message's way in
is `delivery` (in groups, by `arrival`) or an APPEND in `mailboxes`; its way out, and the state of a mailbox, are in
`opened`. `flagging`, `moving` and `searching` are the rest of what a session asks for, and `account` is what it
holds. `checking` compares what is known with what lies there.

Backends that keep the octets in files, a database or anything else bring a layout and a catalogue, and use all this.
"""
