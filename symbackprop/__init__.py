"""symbackprop: gradients of neural networks derived step by step, checked by numbers, set in LaTeX."""

__version__ = "0.1.0"
