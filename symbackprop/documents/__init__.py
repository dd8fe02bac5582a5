"""Documents: model, builders, formats, the PDF engine. Sees core and notation only."""
