import pytest

from poserep.media.missing import tell_missing, untold


def test_what_a_copy_lacks_is_told_in_short_and_only_where_it_is_not_listed(caplog: pytest.LogCaptureFixture) -> None:
    tell_missing("h36m: /data", ())
    with untold():
        tell_missing("h36m: /data", ("S5",))
    tell_missing("h36m: /data", ("S5", "S6", "S7", "S8", "S11"))

    assert caplog.messages == ["h36m: /data lacks S5; S6; S7; and 2 more, which `poserep data inspect` lists"]
