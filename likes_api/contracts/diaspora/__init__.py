"""Contract 3, diaspora* likes: six routes under ``/api/v1/posts/``. Source: ``seeds/001``."""
