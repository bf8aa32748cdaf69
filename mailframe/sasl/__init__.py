"""SASL mechanisms without I/O (RFC 4422): PLAIN and LOGIN, for SMTP, IMAP and POP3 alike."""
