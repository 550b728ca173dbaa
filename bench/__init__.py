"""Measures the product on the machine it runs on; see docs/BENCHMARKS.md."""
