"""Stories as calendars: each YAML file is one contract from beginning to end, with the bill reckoned by hand beside it."""
