"""How our own nodes talk with each other about more than mail: calls and answers in frames, proved by a shared key.

`frames` and `proof` are octets only; `server` answers calls, `client` makes them (blocking, for commands). What can
be called is a service: `accounts` lets a node that takes an account over read it whole.
"""
