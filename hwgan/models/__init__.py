"""The networks, one a file, what passes between them, and their state; nothing here knows files or losses."""
