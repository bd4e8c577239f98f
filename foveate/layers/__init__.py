"""Torch layers that families, policies and critics share, and what they cost. They know nothing of the contract."""
