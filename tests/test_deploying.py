"""What is shown for containers and clusters: an image without rights, and manifests of Kubernetes' form."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from reconciler.cli.main import cli
from tests.pages import PAGES, read_page

ROOT = Path(__file__).parent.parent
CONTAINERFILE = ROOT / "docs" / "examples" / "container" / "Containerfile"
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "ENTRYPOINT", "CMD"}


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text("utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    pairs = [line.partition(" ") for line in lines if line.strip()]
    return [(name, rest.strip()) for name, _, rest in pairs]


def _last_stage() -> list[tuple[str, str]]:
    said = _instructions()
    return said[max(place for place, (name, _) in enumerate(said) if name == "FROM") :]


def test_the_image_is_made_of_plain_instructions() -> None:
    """Nothing is fetched by address, nothing is piped into a shell, and each base has a tag that is not the latest."""
    said = _instructions()
    assert {name for name, _ in said} <= INSTRUCTIONS
    assert not [rest for name, rest in said if name == "RUN" and re.search(r"https?:|curl|wget|\| *(?:ba)?sh\b", rest)]
    bases = [rest.split()[0] for name, rest in said if name == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases)


def test_the_image_keeps_nothing_to_build_with_and_no_secret() -> None:
    """The last stage takes only the finished environment; no token is an argument or a variable of the image."""
    said = _last_stage()
    assert [rest for name, rest in said if name == "COPY"] == ["--from=build /reconciler /reconciler"]
    runs = " ".join(rest for name, rest in _instructions() if name == "RUN")
    assert runs.count("pip install") == runs.count("install --no-cache-dir")
    assert "rm -rf /var/lib/apt/lists/*" in runs
    assert "TOKEN" not in "".join(rest for name, rest in said if name in ("ENV", "LABEL"))


def test_the_image_runs_the_command_as_an_account_without_rights() -> None:
    """By number, as `runAsNonRoot` needs to see, and as the last word on it."""
    said = _last_stage()
    (user,) = [rest for name, rest in said if name == "USER"]
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)
    after = [name for name, _ in said[said.index(("USER", user)) :]]
    assert after == ["USER", "ENTRYPOINT", "CMD"]
    assert json.loads(dict(said)["ENTRYPOINT"]) == ["reconciler"]


def _manifests() -> list[Any]:
    """Those of the examples, and those that pages show."""
    files = sorted((ROOT / "docs" / "examples" / "kubernetes").glob("*.yaml"))
    texts = [(file.name, file.read_text("utf-8")) for file in files]
    blocks = [block for page in map(read_page, PAGES) for block in page.blocks if block.language == "yaml"]
    texts += [(str(block), block.text) for block in blocks if re.search(r"^apiVersion:", block.text, re.MULTILINE)]
    return [pytest.param(one, id=f"{name}-{one['kind']}") for name, text in texts for one in yaml.safe_load_all(text)]


@pytest.mark.parametrize("manifest", _manifests())
@pytest.mark.parametrize("version", ["1.27", "1.34"])
def test_each_manifest_is_of_kubernetes_form(manifest: dict[str, Any], version: str) -> None:
    """Strictly: an unknown field fails, in the oldest version with time zones for cron and in a new one."""
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("manifest", [one for one in _manifests() if one.values[0]["kind"] == "CronJob"])
def test_each_job_has_no_more_rights_than_it_needs(manifest: dict[str, Any]) -> None:
    """One at a time, not root, nothing to write to but a temporary folder, secrets from a Secret, a real command."""
    spec = manifest["spec"]
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"], pod["restartPolicy"]) == ("Forbid", "Europe/London", "Never")
    container = _least_container(pod)
    secret = {one["name"] for one in container["env"] if "secretKeyRef" in one.get("valueFrom", {})}
    assert secret == {"ONEFILE_CUSTOMER_TOKEN", "RECONCILER_STORE"}
    _assert_command(container)


@pytest.mark.parametrize("manifest", [one for one in _manifests() if one.values[0]["kind"] in ("Deployment", "Job")])
def test_only_workers_of_a_fleet_have_its_tokens(manifest: dict[str, Any]) -> None:
    """No more rights than needed, time to settle at SIGTERM, and a real command."""
    pod = manifest["spec"]["template"]["spec"]
    container = _least_container(pod)
    is_worker = manifest["kind"] == "Deployment"
    secrets = {source["secretRef"]["name"] for source in container["envFrom"]}
    assert secrets == {"fleet-database", "fleet-tokens"} if is_worker else {"fleet-database"}
    assert not is_worker or pod["terminationGracePeriodSeconds"] >= 120
    _assert_command(container)


def _least_container(pod: dict[str, Any]) -> dict[str, Any]:
    """Return the only container of a pod, which has no more rights than it needs."""
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    rights = container["securityContext"]
    assert (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (False, True)
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container["resources"]["limits"]
    return dict(container)


def _assert_command(container: dict[str, Any]) -> None:
    words = [*container.get("command", ["reconciler"]), *container.get("args", [])]
    command = cli.get_command(click.Context(cli), words[1])
    assert command, shlex.join(words)
    command.make_context(words[1], list(words[2:]))
