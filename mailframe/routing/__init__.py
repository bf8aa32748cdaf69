"""To whom, and which way? A recipient becomes mailboxes here, or is refused while the client still listens."""
