"""Facts of the models and data sets kept beside the project."""

from pathlib import Path

import pytest

from graft.governance.reading import read_data, read_model

DATA = Path(__file__).resolve().parents[5] / "shared" / "data"
pytestmark = [pytest.mark.realdata, pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project")]


@pytest.mark.parametrize(
    ("path", "licences"),
    [
        ("banking77/train.csv", ["CC-BY-4.0"]),
        ("hatecheck/test_suite_cases.csv", ["CC-BY-4.0"]),
        ("tram/sentences.csv", ["Apache-2.0", "other"]),
        ("cisa_kev", ["CC0-1.0", "further terms"]),
        ("fashion_mnist", ["MIT"]),
        ("wefe", ["MIT"]),
        ("movielens_small", ["LicenseRef-GroupLens-MovieLens"]),
        ("movielens_small/ratings.csv", ["LicenseRef-GroupLens-MovieLens"]),
        ("wiki_identity_swaps", ["Apache-2.0", "MIT", "further terms"]),
        ("sign_digits", ["Apache-2.0", "Apache-2.0"]),
        ("published", []),
    ],
)
def test_what_data_sets_state(path, licences):
    found = read_data(DATA / path)
    assert [one.stated for one in found.licences] == licences
    assert len(found.files) == (
        1 if (DATA / path).is_file() else sum(file.is_file() for file in (DATA / path).rglob("*"))
    )


def test_what_differs_is_told_with_its_words():
    tram = read_data(DATA / "tram/sentences.csv")
    assert "LICENSE.attack (beside sentences.csv) (begins: LICENSE The MITRE Corporation" in tram.licences[1].where
    kev = read_data(DATA / "cisa_kev")
    assert "You may use this data in any legal manner but note" in kev.licences[1].where


@pytest.mark.parametrize("name", ["mobilenetv2-imagenet", "mobilenetv2-inat-bird"])
def test_what_image_sources_state(name):
    found = read_model(DATA / "sources" / name)
    assert {one.stated for one in found.licences} == {"apache-2.0", "Apache-2.0"}
    assert [one.where for one in found.licences] == [
        "README.md (front matter: license)",
        "README.md (section: Where it comes from)",
        "LICENSE (its text)",
    ]
    assert found.architectures == ("MobileNetV2ForImageClassification",)
    assert "vision" in found.tags
    assert found.edges == ()


def test_weights_alone_state_the_licence_beside_them():
    found = read_model(DATA / "sources" / "resnet-cifar10")
    assert [one.stated for one in found.licences] == ["BSD-2-Clause"]
    assert (found.architectures, found.edges, found.training_data) == ((), (), ())
