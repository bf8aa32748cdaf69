"""The words of IMAP: commands in, responses out (RFC 3501). No Twisted, no clock, no files.

`reader` frames commands and literals, `parser` has the tokens, and one module each the larger rules: `sequences`,
`dates`, `flags`, `mailboxes`, `fetching`, `searching`. `responses` renders what the server says. `description`
renders what a store keeps of a message: ENVELOPE and BODYSTRUCTURE.
"""
