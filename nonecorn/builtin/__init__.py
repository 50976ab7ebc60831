"""Ordinary plugins that ship inside the kernel: what no server can be without."""
