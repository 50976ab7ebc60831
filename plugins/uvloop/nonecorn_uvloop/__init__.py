"""Worker on uvloop."""
