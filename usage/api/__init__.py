"""The API of usage: events in and out, and what they come to by day."""
