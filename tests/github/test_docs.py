"""What the workflows pin, in the guide too; the rest of the guide is tried where all pages are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / "docs" / "how-to" / "github.md"


def test_every_pin_of_one_action_is_the_same() -> None:
    """An action that is looked at once is looked at everywhere."""
    workflows = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("starter/*/.github/workflows/*.yml")]
    files = [*workflows, ROOT / "action.yml", GITHUB]
    pins = {
        found
        for file in files
        for found in re.findall(r"uses: ([\w-]+/[\w-]+)[\w/-]*@(\S+) # (\S+)", file.read_text("utf-8"))
    }
    assert len({name for name, *_ in pins}) == len(pins) == 11
