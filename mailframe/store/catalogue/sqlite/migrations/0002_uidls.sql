-- What POP3 calls messages that another server has named; by the id of the message.
CREATE TABLE uidls (id INTEGER PRIMARY KEY, uidl TEXT NOT NULL) STRICT;
