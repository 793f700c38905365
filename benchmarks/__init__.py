"""Side-by-side measurements: `make bench`, or `python -m benchmarks [trainer imports optimizers]`.

Printed and recorded, never asserted: a clock is no test. LOG.md tells what was
tried, failures included.
"""
