"""Prints a line per request, and adds a field to responses."""
