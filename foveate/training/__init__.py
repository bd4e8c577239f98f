"""Learning: representation by the task's loss, looking by reinforcement (Theorem 1 of the paper)."""
