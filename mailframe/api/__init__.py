"""The directory by HTTP: for programs that make accounts and programs that want to know what is new."""
