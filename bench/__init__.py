"""Benchmarks: each figure beside a ceiling measured in the same run, because a machine's speed varies."""
