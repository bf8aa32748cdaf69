-- What a message is sorted and threaded by (mailframe.message.sort_keys), since somebody first asked.
CREATE TABLE sort_keys (id INTEGER PRIMARY KEY, keys BLOB NOT NULL) STRICT;
