"""The bill of materials names what is installed, and leaves out the tool that writes it."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import distributions

import pytest

from tests.house.imports import ROOT
from tests.house.test_requirements import normalised

pytestmark = pytest.mark.long


def test_make_sbom_bills_every_installed_package() -> None:
    done = subprocess.run(["make", "sbom"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    bill = json.loads((ROOT / "build" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    billed = {normalised(part["name"]): part["version"] for part in bill["components"]}
    installed = {normalised(found.name): found.version for found in distributions()}
    assert billed == installed
    pins = re.findall(r"^([\w.-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    apart = [
        name
        for name, version in pins
        if billed.get(normalised(name), version).partition("+")[0] != version  # torch's +cpu
    ]
    assert apart == []
    assert "cyclonedx-bom" not in billed
