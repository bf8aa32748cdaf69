"""May this mail come in? Policies accept, defer or refuse at connect, HELO, MAIL, RCPT and data.

A policy never changes mail (that is `mailframe.filters`) and never decides where it goes
(`mailframe.routing`).
"""
