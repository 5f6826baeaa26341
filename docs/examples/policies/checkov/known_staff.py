"""Checks that every slot's holder after the plan is in staff.yaml."""

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
        name = "The holder of a slot is in staff.yaml"
        super().__init__(name, "ONEFILE_1", [CheckCategories.CONVENTION], SLOTS)

    def scan_resource_conf(self, conf: dict[str, list[Any]]) -> CheckResult:
        """Fail a slot whose holder has no handle.

        Each value is a list of one. `staff_id` is missing if the slot is empty; `staff` is null for an unknown person.
        """
        held = "staff_id" in conf
        return CheckResult.FAILED if held and not conf.get("staff", [None])[0] else CheckResult.PASSED


check = KnownStaff()
