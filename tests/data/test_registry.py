"""The real registry: complete, documented, and its tables are what scikit-learn gives."""

import re

import pytest
import sklearn.datasets
import torch
from sklearn.preprocessing import StandardScaler

from kit import data, paths
from kit.data import registry
from kit.data.tables import Standardizer

ENTRIES = data.entries()
FIELDS = (
    "name", "description", "url", "creator", "datePublished", "citeAs", "keywords", "inLanguage",
    "rai:dataCollection", "rai:dataBiases", "rai:personalSensitiveInformation", "rai:dataUseCases",
)  # fmt: skip


def test_the_stage_has_its_entries():
    names = [e.name for e in ENTRIES]
    first = ["digits", "breast_cancer", "wine", "diabetes", "iris", "shop_reviews", "smollm2_135m"]
    bundled = ["fashion_mnist", "quatrains", "shakespeare", "interface_strings"]
    rest = ["photos", "faces", "movielens", "minilm", "efficientnet_lite0", "gpt2_vocabulary"]
    trust = ["adult", "compas", "resume_names", "mortgages", "mnist1d"]
    assert names == [*first, *bundled, *rest, *trust]
    assert [e.name for e in ENTRIES if e.way == "bundled"] == bundled


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_entry_has_a_complete_card(entry):
    card = data.card(entry.name)
    assert card.fields["name"] == entry.name
    assert [f for f in FIELDS if not card.fields.get(f)] == []
    assert all(len(card.licenses[k]) > 5 for k in ("package", "data", "source"))
    assert "licence of the package: " in str(card)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.files], ids=lambda e: e.name)
def test_every_file_has_its_hash_and_size(entry):
    assert re.fullmatch(r"[0-9a-f]{64}", entry.archive_sha256)
    for file in entry.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.bytes > 1000


def test_unstated_licences_are_never_bundled():
    for entry in ENTRIES:
        if any("unstated" in text for text in data.card(entry.name).licenses.values()):
            assert entry.way != "bundled"


def test_what_is_bundled_lies_here_undamaged_with_its_licence():
    for entry in ENTRIES:
        if entry.way == "bundled":
            assert data.get(entry.name) == tuple(entry.folder / file.name for file in entry.files)
            assert "permi" in (entry.folder / "LICENSE").read_text("utf-8").lower()
            assert (paths.datasets() / "build" / f"{entry.name}.py").is_file()


def test_all_bundled_data_stay_small():
    assert sum(f.stat().st_size for f in paths.datasets().rglob("*") if f.is_file()) < 25e6


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine", "iris", "diabetes"])
def test_tables_equal_scikit_learns(name):
    table, bunch = data.load(name, dtype=torch.float64), getattr(sklearn.datasets, f"load_{name}")()
    assert (table.x.numpy() == bunch.data).all()
    assert (table.y.numpy() == bunch.target).all()
    assert len(table.feature_names) == table.x.shape[1]
    assert table.y.dtype == (torch.float64 if name == "diabetes" else torch.int64)
    assert data.load(name).x.dtype == torch.float32


def test_a_table_says_what_it_is():
    assert repr(data.load("digits")) == "Table('digits': 1797 samples, 64 features, 10 classes)"
    assert repr(data.load("diabetes")) == "Table('diabetes': 442 samples, 10 features, a regression)"
    assert data.load("breast_cancer").class_names == ("malignant", "benign")
    assert data.available("digits")


def test_standardizing_equals_scikit_learn_and_can_be_undone():
    x = data.load("wine", dtype=torch.float64).x
    scaler = Standardizer.fit(x[:100])
    theirs = StandardScaler().fit(x[:100].numpy()).transform(x.numpy())
    assert torch.allclose(scaler(x), torch.from_numpy(theirs), atol=1e-12)
    assert torch.allclose(scaler.inverse(scaler(x)), x)


@pytest.mark.parametrize("value", [0.0, 5.0, 1e8 + 0.1])
def test_a_constant_column_becomes_zero(value):
    x = torch.full((7, 2), value)
    assert (Standardizer.fit(x)(x) == 0).all()


def test_the_test_part_does_not_move_the_scaler():
    x = data.load("digits").x
    assert torch.equal(Standardizer.fit(x[:50]).mean, Standardizer.fit(x[:50].clone()).mean)
    assert not torch.equal(Standardizer.fit(x[:50]).mean, Standardizer.fit(x).mean)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: data.load("digit"),
            ValueError,
            "name='digit' is not known; did you mean 'digits'? choose from "
            + ", ".join(e.name for e in ENTRIES),
        ),
        (
            lambda: data.path("digits"),
            ValueError,
            "name='digits' lies inside the package scikit-learn, not in a file; use kit.data.load('digits')",
        ),
        (
            lambda: Standardizer.fit(torch.ones(3, 2, dtype=torch.long)),
            TypeError,
            "x has dtype torch.int64, a floating one is needed; use x.float()",
        ),
        (
            lambda: Standardizer.fit(torch.ones(3, 2))(torch.ones(3, 4)),
            ValueError,
            "x has shape (3, 4), its last dimension must be 2; reshape it",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_a_card_without_licences_is_refused(tmp_path):
    file = tmp_path / "card.md"
    file.write_text('+++\nname = "x"\n[licenses]\npackage = "MIT"\n+++\n')
    with pytest.raises(ValueError, match=r"card.md lacks licenses.data; quote it, or say 'unstated'$"):
        registry.read_card(file)
    file.write_text("# no frame")
    with pytest.raises(
        ValueError, match=r"^card=card.md has no TOML between two \+\+\+ lines; add it at the top$"
    ):
        registry.read_card(file)


def test_a_missing_registry_is_named(index):
    with pytest.raises(data.DataError) as error:
        data.load("digits")
    assert str(error.value) == (
        f"{index.datasets / 'registry.toml'} is missing; restore it from the repository, or install kit again"
    )


def test_columns_need_the_hash_of_what_is_left(index):
    index.write(
        '[p]\ntitle="p"\nway="fetched"\nreader="texts"\n'
        '[[p.files]]\ninside="p/p.csv"\nsha256="0"\nbytes=1\ncolumns=["a"]'
    )
    with pytest.raises(ValueError, match=r"^registry entry p: p.csv has columns and no kept_sha256; add it$"):
        data.entries()
