"""The demo's data: two invented sellers, a price list, the published cases, and a year of forty customers.

All of it is made by the verbs that a real site runs, on a clock that moves from the first day to now. The YAML files
beside this say what happens; nothing in here knows how a bill is made.
"""
