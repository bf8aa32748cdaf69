"""POP3 on the wire: `commands` from lines, `reader` of what comes, `replies` as octets, `top` of messages."""
