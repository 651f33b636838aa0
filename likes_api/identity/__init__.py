"""Who is calling: one module per credential, and the one value they all lead to, a ``Caller``."""
