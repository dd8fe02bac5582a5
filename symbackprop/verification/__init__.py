"""Numbers from the forward pass alone: sampling, differences, replay. Never imports derivation."""
