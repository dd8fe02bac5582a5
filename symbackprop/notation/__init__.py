"""Spellings: index forms, matrices, entries, and the printers for text, LaTeX, NumPy and SymPy."""
