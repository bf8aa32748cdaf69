"""SQLite as the house uses it: connections, migrations, and group commit in committing threads.

`sqlite` opens files, `migrations` brings them up to date, `lanes` are the threads, `file.Database` puts the
three together for one file. No room's tables are here.
"""
