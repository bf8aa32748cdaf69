"""POP3 from the client's side, without I/O: replies from octets, with messages streamed (`reader`)."""
