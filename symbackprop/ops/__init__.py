"""The operations: one entry each, found by listing this package."""
