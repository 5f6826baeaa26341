"""Nobody holds a slot after the plan who is not in staff.yaml."""

from typing import Any

from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

SLOTS = [
    "additional",
    "default_assessor",
    "default_employer",
    "learning_aim_assessor",
    "learning_aim_iqa",
    "unit_assessor",
    "unit_iqa",
]


class KnownStaff(BaseResourceCheck):
    def __init__(self) -> None:
        name = "Whoever holds a slot is in staff.yaml"
        super().__init__(name, "ONEFILE_1", [CheckCategories.CONVENTION], SLOTS)

    def scan_resource_conf(self, conf: dict[str, list[Any]]) -> CheckResult:
        """Every value comes in a list of one; `staff_id` is missing where nobody is, `staff` is null for a stranger."""
        held = "staff_id" in conf
        return CheckResult.FAILED if held and not conf.get("staff", [None])[0] else CheckResult.PASSED


check = KnownStaff()
