"""Mail on the move: from other servers, files and backends into accounts, and out of them.

`values` is what a source and a target are. `importing` puts a source into an account, `exporting` an account into a
target, `converting` makes one account the image of another, and `comparing` says where two differ. Sources and
targets are `archive` (one file with hashes), `maildir`, `mbox`, `imap` and `pop3`.

Sources and targets block: all this is for commands, in a process of their own beside the node.
"""
