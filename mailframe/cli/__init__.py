"""What people type: ``mailframe`` (one module a command) and ``twistd mailframe`` (`tap`).

Nothing is imported here: twistd looks into this package before it knows which reactor it shall use.
"""


def main() -> None:
    """The ``mailframe`` command."""
    from .app import mailframe

    mailframe()
