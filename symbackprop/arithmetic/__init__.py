"""Numbers of formulas: exact where they can be, and their roundings."""
