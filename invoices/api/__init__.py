"""What programs use: views that parse, call one verb or read rows, and answer in JSON."""
