"""Published weights of other people, turned into systems of ours: read completely or refused by name."""
