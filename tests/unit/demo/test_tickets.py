"""The demo tickets are what their description says: realistic, synthetic, neither trivial nor hopeless."""

import ipaddress
import re
from collections import Counter

import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from graft.demo import tickets
from graft.inputs import find_duplicates
from graft.rows import read_frame

CLASSES = {
    "phishing",
    "malware",
    "credential theft",
    "data loss",
    "denial of service",
    "misconfiguration",
    "insider misuse",
    "false alarm",
}
PLANTED = re.compile(r"(ambiguous|mislabelled):(.+)")
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
DOMAIN = re.compile(r"\b(?:[a-z0-9-]+\[?\.\]?)+(?:com|net|org|info|biz|io|dev|invalid)\b", re.IGNORECASE)
DOCUMENTATION = [ipaddress.ip_network(f"{net}.0/24") for net in ("192.0.2", "198.51.100", "203.0.113")]


@pytest.fixture(scope="module")
def frame():
    return read_frame(tickets()).frame


@pytest.fixture(scope="module")
def messages(frame):
    return frame["message"].to_list()


def test_columns_and_ids(frame):
    assert frame.columns == ["id", "opened_at", "team", "region", "message", "category", "_planted"]
    assert frame["id"].to_list() == [f"T-{number:04d}" for number in range(1, len(frame) + 1)]
    assert len(frame) >= 480


def test_every_class_is_well_filled(frame):
    counts = Counter(frame["category"].to_list())
    assert set(counts) == CLASSES
    assert min(counts.values()) >= 55


def test_opened_in_order_over_eighteen_months(frame):
    opened = pl.read_csv(tickets(), columns=["opened_at"], infer_schema=False)["opened_at"].to_list()
    assert opened == sorted(set(opened))
    assert len({moment[:7] for moment in opened}) == 18
    assert len(frame["team"].unique()) == 8
    assert set(frame["region"].to_list()) == {"EU", "NA", "APAC", "LATAM"}


def test_hardly_any_near_duplicates(messages):
    found = find_duplicates(messages)
    assert found.exact == 0
    assert found.share < 0.02


def test_planted_rows_name_another_class(frame):
    kinds = Counter()
    for category, planted in frame.select("category", "_planted").iter_rows():
        if planted:
            kind, other = PLANTED.fullmatch(planted).groups()
            assert other in CLASSES - {category}
            kinds[kind] += 1
    assert kinds == {"ambiguous": 32, "mislabelled": 24}


def test_the_description_counts_what_is_there(frame):
    text = (tickets().parent / "README.md").read_text(encoding="utf-8")
    for category, rows in Counter(frame["category"].to_list()).items():
        assert re.search(rf"^\| {category} \|.*\| {rows} \|$", text, re.MULTILINE), category
    assert f"{len(frame)} tickets" in text


def test_only_addresses_and_domains_reserved_for_examples(messages):
    for message in messages:
        for found in ADDRESS.findall(message):
            address = ipaddress.ip_address(found)
            assert address.is_unspecified or found.startswith("10.") or any(address in net for net in DOCUMENTATION)
        for found in DOMAIN.findall(message):
            assert re.search(r"(^|\.)example\.(com|net)$|\.invalid$", found.replace("[.]", ".").lower()), found


def test_no_class_is_given_away_by_its_own_name(frame):
    for category in CLASSES:
        texts = frame.filter(category=category)["message"].to_list()
        assert sum(category in text.lower() for text in texts) < 0.15 * len(texts)


def test_words_alone_carry_some_of_it_but_not_all(frame, messages, record_property):
    labels = frame["category"].to_list()
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with threadpool_limits(1):
        score = f1_score(labels, cross_val_predict(model, messages, labels, cv=folds), average="macro")
    record_property("macro_f1", score)
    print(f"TF-IDF and logistic regression: macro-F1 {score:.3f}")
    assert 0.4 < score <= 0.93
