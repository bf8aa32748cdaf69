"""What travels, and what became of it: addresses, envelopes, content, header, structure, status.

Values only: the standard library, no Twisted, no sockets, no clock. A mail object is an envelope and
its content (RFC 5321 section 2.3.1); `mailframe.message.mail` joins the two with their origin.
"""
