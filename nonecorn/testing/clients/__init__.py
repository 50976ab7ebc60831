"""Client engines for `WirePair`, one module per foreign library, which it imports."""
