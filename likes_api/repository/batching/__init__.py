"""Calls that meet in one process go to the database together."""
