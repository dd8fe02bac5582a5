"""Works checked against a problem: what ``symbackprop check`` and ``symbackprop.check`` run."""
