"""The alert rules are sound, and speak of metrics that there are."""

import re
import subprocess

from flask import Flask

from harness.server import ROOT

OPERATIONS = ROOT / "docs" / "operations"


def test_alert_rules_are_sound_and_fire_when_they_should() -> None:
    for arguments in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        ended = subprocess.run(
            ["promtool", *arguments], cwd=OPERATIONS, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_alert_rules_name_metrics_that_there_are(app: Flask) -> None:
    exposed = app.test_client().get("/metrics").get_data(as_text=True)
    families = set(re.findall(r"^# TYPE (\w+)", exposed, flags=re.MULTILINE))
    named = set(re.findall(r"\blikes_\w+", (OPERATIONS / "alerts.yml").read_text()))
    assert named
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in named} <= families
