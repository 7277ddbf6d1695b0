from itertools import product

import pytest

from services.core.domain.campaigns import TRANSITIONS, CampaignStatus, CampaignTransitionRefused, step_to

C = CampaignStatus


class TestStepTo:
    @pytest.mark.parametrize(("before", "after"), list(product(C, C)), ids=str)
    def test_a_step_of_the_table_once(self, before: CampaignStatus, after: CampaignStatus) -> None:
        if before is after:
            assert not step_to(before, after)
        elif after in TRANSITIONS[before]:
            assert step_to(before, after)
        else:
            with pytest.raises(CampaignTransitionRefused):
                step_to(before, after)

    @pytest.mark.parametrize("ended", [C.FINISHED, C.CANCELLED])
    def test_an_end_is_an_end(self, ended: CampaignStatus) -> None:
        assert not TRANSITIONS[ended]
