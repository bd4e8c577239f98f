"""Seeing a model at work: one picture played step by step, as pictures, an animation or numbers."""
