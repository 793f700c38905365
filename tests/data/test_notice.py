"""NOTICE says what the cards say."""

import runpy

from kit import data, paths


def test_notice_is_what_the_cards_say():
    root = paths.checkout()
    made = runpy.run_path(str(root / "datasets" / "build" / "notice.py"))["notice"]()
    assert (root / "NOTICE").read_text("utf-8") == made, "run python datasets/build/notice.py"
    for entry in data.entries():
        for licence in data.card(entry.name).licenses.values():
            assert licence in made
