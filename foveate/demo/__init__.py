"""The demonstration: learn to search in two minutes, then small signs in large scenes, and an honest report of both."""
