"""Sessions that hypothesis makes up, over a store in memory and over SQLite."""
