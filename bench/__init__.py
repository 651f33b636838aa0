"""Benchmarks: every figure beside a ceiling measured in the same run, because this machine's own speed varies."""
