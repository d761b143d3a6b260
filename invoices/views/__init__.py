"""The customers' pages: each view reads the address, calls one function, and presents."""
