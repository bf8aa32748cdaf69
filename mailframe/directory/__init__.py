"""Who is this address, where is the mail, and is the password right? Three questions, kept apart.

`interfaces` is the contract, `values` what it speaks of. Backends: `sqlite` (the default), `memory`;
`passwords` verifies and makes hashes, in a thread pool of its own.
"""
