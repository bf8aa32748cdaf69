"""Mail in memory: a whole backend in plain Python, for tests, examples and as the model other backends match.

All that a method does happens in one go, in the caller's thread; nothing outlives the process. `box` is one mailbox
at rest, `maildrop` all of an account, `account` and `mailbox` what a session holds, `store` the whole.
"""

from .store import MemoryStore

__all__ = ["MemoryStore"]
