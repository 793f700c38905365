"""`kit doctor`: what each finding says when something is wrong."""

from kit.cli import doctor


def test_an_old_or_missing_package_has_its_cure(monkeypatch):
    assert doctor.package("torch", "2.6").ok
    old = doctor.package("torch", "99.0")
    assert not old.ok and str(old).endswith("; run `pip install 'torch>=99.0'`")
    assert str(doctor.package("no-such-thing", "1.0")) == (
        "[FAIL] no-such-thing: not there; run `pip install 'no-such-thing>=1.0'`"
    )


def test_another_package_named_kit_is_noticed(tmp_path, monkeypatch):
    assert doctor.only_one_kit().ok
    (tmp_path / "kit").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert doctor.only_one_kit().ok, "a folder without __init__.py is no package"
    (tmp_path / "kit" / "__init__.py").write_text("")
    found = doctor.only_one_kit()
    assert not found.ok and str(tmp_path / "kit") in str(found)


def test_a_folder_that_cannot_be_written_names_the_variable(tmp_path):
    (tmp_path / "file").write_text("")
    found = doctor.writable("cache", tmp_path / "file" / "cache")
    assert not found.ok and "set KIT_CACHE to a folder you can write to" in str(found)


def test_an_optional_finding_is_skipped_not_failed():
    assert str(doctor.Finding("chromium", False, "not there", "only the browser tests need it", True)) == (
        "[SKIP] chromium: not there; only the browser tests need it"
    )
