CREATE TABLE thing (key integer PRIMARY KEY);
