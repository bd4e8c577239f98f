"""The one coordinate frame, and reading pixels in it."""
