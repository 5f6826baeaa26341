"""Titles of learning aims and units in new settings."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from reconciler.importing.existing_state import read_existing
from reconciler.importing.titles import LONGEST_TITLE, writable
from reconciler.model.declared import Settings
from reconciler.runtime.state_files import settings_text
from tests.factories import DAY, ORGANISATION

# as the reader gives them: without space at either end, in no other form
TITLES = st.text(st.characters(), max_size=2 * LONGEST_TITLE).map(lambda text: " ".join(text.split()))
UNITS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=100)


@given(st.dictionaries(st.one_of(st.integers(1, 2**31 - 1), UNITS), TITLES, max_size=5))
def test_any_title_makes_valid_settings(titles: dict[int | str, str]) -> None:
    """What is written is read back word for word; text that no file may have is left out, and a long title is cut."""
    kept = writable(titles)
    with TemporaryDirectory() as folder:
        state = Path(folder)
        (state / "settings.yaml").write_text(settings_text(Settings(ORGANISATION, titles=kept)), "utf-8")
        settings = read_existing(state, DAY).settings
    assert settings is not None and settings.titles == kept
    plain = {key: title for key, title in titles.items() if title.isprintable() and title.isascii() and title}
    assert {key: title[:LONGEST_TITLE].strip() for key, title in plain.items()}.items() <= kept.items()
