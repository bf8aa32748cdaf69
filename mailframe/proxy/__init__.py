"""The front door: people log in here, and their octets go on to the store that has their mail.

A conversation of each protocol (`imap`, ...) says what is said before a login, and checks it as a store would;
`entering` finds the store, `backend` connects to it, the protocol's ``enter`` logs in there for the user; then both
connections are spliced (`mailframe.dialogue.splice`), and nothing of the conversation is left.
"""
