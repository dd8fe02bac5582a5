"""The data everything else works on: dims, tensors, typed expressions, the graph, verdicts."""
