"""The judge: says line by line what is right and wrong in a derivation, and why."""
