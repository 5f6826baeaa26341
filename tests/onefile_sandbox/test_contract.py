"""The sandbox answers the requests of real clients, over a real socket, as those clients rely on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from onefile_sandbox.app import create_app
from onefile_sandbox.serve import serving
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World

CONTRACT: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "contract.yaml").read_text("utf-8")
)
STEP = {"method", "path", "json", "form", "status", "keys", "has", "rows", "value", "kind"}


@pytest.mark.parametrize("case", CONTRACT)
def test_the_sandbox_keeps_the_contract(case: str) -> None:
    """Each step has the expected status and body; unknown keys are ignored, as an outside client needs."""
    app = create_app(World.create(learners=24), Switches(unknown_keys="ignored"))
    with serving(app) as base_url, httpx.Client(trust_env=False) as client:
        session = client.post(f"{base_url}/Authentication", headers={"X-CustomerToken": "sandbox"}).text
        for step in CONTRACT[case]:
            assert step.keys() <= STEP
            answer = client.request(
                step["method"],
                base_url + step["path"],
                headers={"X-TokenID": session},
                json=step.get("json"),
                data=step.get("form"),
            )
            assert (step["path"], answer.status_code) == (step["path"], step["status"]), answer.text
            _check_body(step, answer)


def _check_body(step: Mapping[str, Any], answer: httpx.Response) -> None:
    body = answer.json() if answer.status_code == 200 else None
    if "value" in step:
        assert body == step["value"]
    if "rows" in step:
        assert len(body) == step["rows"]
    if "kind" in step:
        assert type(body) is int
    for row in body if isinstance(body, list) else [body]:
        if "keys" in step:
            assert list(row) == step["keys"]
        for name, value in step.get("has", {}).items():
            assert row[name] == value
