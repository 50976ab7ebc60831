"""Worker on trio."""
