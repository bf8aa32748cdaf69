"""The commands of IMAP, a module each or a family; `table` says which may come when.

A command is a coroutine ``run(session, arguments)``: it takes its arguments apart (`ProtocolError` becomes BAD),
does its work (`MailframeError` becomes NO), writes its untagged responses, and returns the `Reply` of its tagged
OK, or None when the answer has been given or comes later.
"""
