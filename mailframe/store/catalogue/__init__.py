"""The catalogue of an account: what is known of its mailboxes and messages. The octets of messages are not here.

Blocking code for a store's threads. `interfaces` says what a catalogue does, `rows` what it gives; `sqlite` keeps it
in one file an account.
"""
