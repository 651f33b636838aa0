"""The checks of ``likes-api check``: each module yields findings, and changes nothing."""
