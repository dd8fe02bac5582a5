"""SymPy objects that come in: the functions to build them with, and their reading as plain text."""
