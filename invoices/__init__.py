"""What is asked for, and what comes in."""
