"""What usage and subscriptions are worth, and the book in which it is written."""
