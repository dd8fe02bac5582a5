"""What a caller gets: derivations with their steps, gradients, Hessian products; SymPy and NumPy on demand.

This part joins what the deriver found with what the verifier says; neither of the two sees the other.
"""
