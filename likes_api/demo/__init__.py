"""The demo of ``--demo``: a few documents to try the contracts on, and a page with buttons."""
