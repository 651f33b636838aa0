"""Voters who leave, or become another: all their votes in all targets, found, handed over or taken back.

Why so: ``docs/decisions/0023``.
"""
