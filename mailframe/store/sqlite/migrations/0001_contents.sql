-- The octets of an account's messages, in the file of its catalogue. A content has a number, which is what
-- messages.file holds; no number is ever used again.

-- id: content << 16 | place of the piece. Small contents are one piece, large ones many of one size.
CREATE TABLE pieces (id INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT;

-- Contents that several messages have: how many have it besides the first. Nearly all contents have no row.
CREATE TABLE shared_contents (id INTEGER PRIMARY KEY, others INTEGER NOT NULL) STRICT;

-- Contents that no message has yet: large ones are written before their messages come.
CREATE TABLE coming_contents (id INTEGER PRIMARY KEY, begun INTEGER NOT NULL) STRICT;

-- Contents that no message has any more, and that are removed bit by bit.
CREATE TABLE unused_contents (id INTEGER PRIMARY KEY) STRICT;

-- number: the next content's.
CREATE TABLE next_content (number INTEGER NOT NULL) STRICT;
INSERT INTO next_content VALUES (1);
