"""What an mbox file looks like, as octets: separator lines, quoted lines, fields that hold UIDs and flags. No I/O."""
