"""Servers, load and checks that tests, benchmarks and fault runs share."""
