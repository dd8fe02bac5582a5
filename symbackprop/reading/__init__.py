"""Plain-text and LaTeX readers: from text to typed expressions with positions; no judgement."""
