import pytest

# Plain modules get the assertions that explain themselves only when asked for, before they are imported.
pytest.register_assert_rewrite("tests.support.vote_suite")
