"""The fault table: nothing wrong, no bootloader touched, every board can be flashed again."""

from __future__ import annotations

import pytest
from tinydeploy.flash import faults
from tinydeploy.flash.simulated.scenarios import scenarios

SCENARIOS = scenarios()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_fault_ends_well_or_is_told(scenario: object) -> None:
    rows = faults.fault_table([scenario])  # type: ignore[list-item]
    total = faults.total(rows)
    assert total.tried > 80
    assert total.wrong == 0
    assert total.bootloader_touched == 0
    assert total.flashed_again == total.tried
    assert total.completed + total.stopped + total.unanswered == total.tried


def test_the_table_is_the_same_every_time() -> None:
    first, second = (faults.render(faults.fault_table(SCENARIOS[:1])) for _ in range(2))
    assert first == second
    assert first.splitlines()[-1].startswith("all")
