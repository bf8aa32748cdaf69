"""Against real mail programs from Debian's packages; ``make interop`` installs them and runs this."""
