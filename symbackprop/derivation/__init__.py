"""The reverse sweep, the named rewriting rules, and the levels of a derivation."""
