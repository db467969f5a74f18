"""Two platforms never share a home, and one that was refused leaves the other as it was."""

import pytest

from buybuddy.errors import BuybuddyError
from buybuddy.settings import Settings
from buybuddy.supervisor import Supervisor, find_running
from tests.conftest import RunningPlatform


def test_a_second_start_in_a_home_is_refused_and_the_first_is_still_found(platform: RunningPlatform) -> None:
    settings = Settings.for_home(platform.home)
    with pytest.raises(BuybuddyError, match="already runs"), Supervisor(settings, port=0):
        pass
    assert find_running(settings) == (platform.url, platform.key)
