"""What happened, and how much of it."""
