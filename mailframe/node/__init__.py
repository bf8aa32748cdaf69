"""One machine's processes: a parent that holds the sockets, and workers that hold the conversations.

The parent (`parent`) opens every listening socket, gives up its privileges (twistd does that), starts workers
(`generation`, `process`), starts a dead one again, answers the control socket (`control`) and reloads. A worker
(`worker`) adopts the sockets and runs the roles. What roles are made of is no business of this room: a worker builds
them by a dotted name that the plan (`plan`) gives.
"""
