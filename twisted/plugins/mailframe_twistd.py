"""Declares ``twistd mailframe``; the service itself is imported only when it is asked for."""

from twisted.application.service import ServiceMaker

mailframe = ServiceMaker(
    "Mailframe",
    "mailframe.cli.tap",
    "A pluggable mail service: relay, mx, store and more, role by role",
    "mailframe",
)
