"""Speed, as ratios within one run: `.venv/bin/python -m tests.benchmarks [name ...]`."""
