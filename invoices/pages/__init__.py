"""What each customer page shows, as frozen dataclasses: every sum is made here, the templates only place it."""
