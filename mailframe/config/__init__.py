"""Configuration: what may be said (`schema`), reading it (`loading`), and what is wrong with it (`errors`)."""
