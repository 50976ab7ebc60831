"""Fuzzers: each is a module to run (`python -m fuzz.http1`) and has a short run among the tests."""
