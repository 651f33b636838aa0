"""Prove what must hold before a worker starts: gevent patches what pymongo imports."""

import subprocess
import sys

from harness.server import server_environment
from likes_api.contracts.diaspora.errors import PREFIX
from likes_api.server import error_pages

MASTER = """
import runpy, sys
import gunicorn.app.wsgiapp, gunicorn.arbiter
runpy.run_path("config/gunicorn.conf.py")
import likes_api.server.worker
print(sorted({"bson", "dns", "flask", "pymongo", "requests", "werkzeug"} & set(sys.modules)))
"""


def test_the_master_imports_no_pymongo_when_it_has_its_settings_and_its_worker() -> None:
    variables = server_environment({"LIKES_MONGODB_URI": "mongodb://localhost"})
    run = subprocess.run([sys.executable, "-c", MASTER], env=variables, capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


def test_error_pages_and_contract_3_have_the_same_prefix_when_they_choose_its_dialect() -> None:
    assert error_pages._CODE_AND_MESSAGE == PREFIX
