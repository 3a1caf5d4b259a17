"""What every entity embedder promises, whatever it learns from."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace
from functools import cache

import numpy as np
import polars as pl
import pytest

import tiny
from graft import entities
from graft.core.errors import BundleError, InputError, OutputError
from graft.entities.both import FittedBoth, ItemsFromBoth
from graft.entities.categories import Categories, FittedCategories
from graft.entities.content import FittedContent, ItemsFromContent
from graft.entities.cooccurrence import FittedCooccurrence, ItemsFromCooccurrence
from graft.entities.embedded import MEANING, UNKNOWN
from graft.entities.embedders import FITTED, load_embedder
from graft.entities.fitted import ARRAYS, RECORD, FittedEmbedder
from graft.entities.text import FittedText, TextEntities
from graft.entities.users import FittedUsers, UsersFromHistories

ITEMS = [f"item-{number:02}" for number in range(30)]
COMPANY = ItemsFromCooccurrence(dimension=6, least=1)


def company(seed: int = 0, baskets: int = 120) -> pl.DataFrame:
    """Baskets from three kinds of item, now and then with a stranger; users, times and category paths as well."""
    rng = np.random.default_rng(seed)
    rows = []
    for basket in range(baskets):
        kind = basket % 3
        inside = rng.choice(np.arange(kind, 30, 3), rng.integers(2, 6), replace=False)
        for item in {*inside.tolist(), *([int(rng.integers(30))] if rng.random() < 0.3 else [])}:
            second = int(rng.integers(100 * 86_400))
            rows.append((f"b{basket}", f"u{basket // 4}", ITEMS[item], f"Kind {item % 3} > Sort {item % 6}", second))
    return pl.DataFrame(rows, schema=["basket", "user", "item", "category", "time"], orient="row")


def catalogue(seed: int = 0) -> pl.DataFrame:
    words = tiny.texts(*[4] * len(ITEMS), seed=seed)
    kinds = [f"Kind {number % 3} > Sort {number % 6}" for number in range(len(ITEMS))]
    return pl.DataFrame({"id": ITEMS, "text": words, "category": kinds})


def source() -> str:
    return f"path:{tiny.encoder().weights.directory}"


@dataclass(frozen=True)
class Case:
    """One embedder. fit: from its table. rows: the table. other: another one. entities: to place. unknown: some it
    cannot know. changed: settings that shape vectors, changed. exact: to the bit, whatever else is in the batch."""

    settings: object
    fit: Callable[[object, object], FittedEmbedder]
    rows: Callable[[int], pl.DataFrame]
    entities: Callable[[], pl.DataFrame]
    unknown: pl.DataFrame
    id: str
    changed: object
    learns: bool = True
    exact: bool = True


def text_case() -> Case:
    settings = TextEntities(source=source())
    blank = pl.DataFrame({"id": ["nobody"], "text": [""]})
    other = TextEntities(source=f"path:{tiny.encoder('roberta').weights.directory}")
    return Case(settings, lambda s, rows: s.fit(rows), catalogue, catalogue, blank, "id", other, False, False)


def content_case() -> Case:
    settings = ItemsFromContent(category="category", source=source())
    blank = pl.DataFrame({"id": ["nobody"], "text": [""], "category": ["Nowhere"]})
    changed = replace(settings, share=0.5)
    return Case(settings, lambda s, rows: s.fit(rows), catalogue, catalogue, blank, "id", changed, exact=False)


def company_case() -> Case:
    unknown = pl.DataFrame({"item": ["nobody"]})
    whole = pl.DataFrame({"item": ITEMS})
    changed = replace(COMPANY, power=0.0)
    return Case(COMPANY, lambda s, rows: s.fit(rows), company, lambda: whole, unknown, "item", changed)


def both_case() -> Case:
    settings = ItemsFromBoth(COMPANY, ItemsFromContent(source=source()))
    blank = pl.DataFrame({"id": ["nobody"], "text": [""]})
    changed = replace(settings, strength=50.0)
    return Case(
        settings, lambda s, rows: s.fit(rows, items=catalogue()), company, catalogue, blank, "id", changed, exact=False
    )


@cache
def item_vectors():
    return COMPANY.fit(company()).everything()


def users_case() -> Case:
    unknown = pl.DataFrame({"user": ["nobody"], "item": ["never sold"], "time": [0]})
    changed = UsersFromHistories(half_life=5.0)
    return Case(
        UsersFromHistories(),
        lambda s, rows: s.fit(rows, items=item_vectors()),
        company,
        company,
        unknown,
        "user",
        changed,
    )


def categories_case() -> Case:
    settings = Categories(dimension=6)
    kinds = pl.DataFrame({"category": sorted(set(company()["category"]))})
    unknown = pl.DataFrame({"category": ["Nowhere > Never"]})
    changed = replace(settings, strength=50.0)
    return Case(settings, lambda s, rows: s.fit(rows), company, lambda: kinds, unknown, "category", changed)


CASES = {
    FittedText: text_case,
    FittedContent: content_case,
    FittedCooccurrence: company_case,
    FittedBoth: both_case,
    FittedUsers: users_case,
    FittedCategories: categories_case,
}


@pytest.fixture(scope="module", params=CASES, ids=lambda kind: kind.kind)
def case(request) -> Case:
    return CASES[request.param]()


@pytest.fixture(scope="module")
def fitted(case) -> FittedEmbedder:
    return case.fit(case.settings, case.rows(0))


def test_every_embedder_is_here_and_can_be_loaded():
    found = set()
    for module in pkgutil.iter_modules(entities.__path__, f"{entities.__name__}."):
        for _, thing in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(thing, FittedEmbedder) and not inspect.isabstract(thing):
                found.add(thing)
    assert found == set(FITTED) == set(CASES)
    assert len({kind.kind for kind in FITTED}) == len(FITTED)


def test_settings_are_frozen(case):
    with pytest.raises(FrozenInstanceError):
        case.settings.source = "another"


def test_shapes_types_and_words(case, fitted):
    placed = fitted.transform(case.entities())
    rows = len(placed)
    assert rows == case.entities()[case.id].n_unique()
    assert placed.vectors.dtype == np.float32
    assert placed.vectors.shape == (rows, fitted.space.dimension)
    assert np.isfinite(placed.vectors).all()
    assert placed.support.shape == placed.skipped.shape == (rows,)
    assert len(placed.basis) == rows
    assert {basis.partition(":")[0] for basis in placed.basis} <= set(MEANING)
    assert placed.space == fitted.space
    assert placed.known.all()
    if fitted.space.normalise:
        np.testing.assert_allclose(np.linalg.norm(placed.vectors, axis=1), 1, atol=1e-5)


def test_ids_come_back_in_the_order_given(case, fitted):
    given = case.entities().sample(fraction=1, shuffle=True, seed=3)
    wanted = sorted(set(given[case.id])) if case.id == "user" else given[case.id].to_list()
    assert list(fitted.transform(given).ids) == wanted


def test_a_batch_says_what_each_alone_says(case, fitted):
    whole = fitted.transform(case.entities())
    for place in (0, len(whole) // 2, len(whole) - 1):
        alone = fitted.transform(case.entities().filter(pl.col(case.id) == whole.ids[place]))
        assert (alone.ids, alone.basis) == (whole.ids[place : place + 1], whole.basis[place : place + 1])
        if case.exact:
            np.testing.assert_array_equal(alone.vectors[0], whole.vectors[place])
        np.testing.assert_allclose(alone.vectors[0], whole.vectors[place], atol=1e-4)
        assert alone.support[0] == whole.support[place]


def test_a_fit_repeats_itself_whatever_the_order_of_rows(case, fitted):
    again = case.fit(case.settings, case.rows(0).sample(fraction=1, shuffle=True, seed=1))
    assert again.space == fitted.space
    np.testing.assert_array_equal(again.transform(case.entities()).vectors, fitted.transform(case.entities()).vectors)


def test_other_data_makes_another_space_when_something_is_learnt(case, fitted):
    other = case.fit(case.settings, case.rows(1))
    assert (other.space.fingerprint != fitted.space.fingerprint) == case.learns


def test_other_settings_make_another_space(case, fitted):
    assert case.fit(case.changed, case.rows(0)).space.fingerprint != fitted.space.fingerprint


def test_the_names_of_columns_do_not_make_another_space(case, fitted):
    columns = {name for name in ("id", "item", "user", "category") if name == case.id and hasattr(case.settings, name)}
    for name in columns:
        renamed = replace(case.settings, **{name: "renamed"})
        assert case.fit(renamed, case.rows(0).rename({name: "renamed"})).space.fingerprint == fitted.space.fingerprint


def test_unknown_entities_are_said_to_be_so(case, fitted):
    placed = fitted.transform(case.unknown)
    assert len(placed) == 1
    assert placed.support[0] == 0
    if case.id == "user":
        assert placed.basis == ("prior",)
        assert placed.skipped[0] == 1
        np.testing.assert_array_equal(placed.vectors[0], fitted.priors[0])
    else:
        assert placed.basis == (UNKNOWN,)
        assert not placed.vectors.any()
        assert not placed.known.any()


def test_no_entities_are_no_rows(case, fitted):
    placed = fitted.transform(case.entities().head(0))
    assert placed.vectors.shape == (0, fitted.space.dimension)
    assert placed.frame().height == 0


def test_every_kind_of_table_says_the_same(case, fitted):
    rows = case.rows(0)
    for table in (rows.to_pandas(), rows.to_arrow(), rows.lazy(), rows.to_dict(as_series=False)):
        assert case.fit(case.settings, table).space == fitted.space


def test_a_saved_embedder_is_the_same_one(case, fitted, tmp_path):
    loaded = load_embedder(fitted.save(tmp_path / "saved"))
    assert type(loaded) is type(fitted)
    assert loaded.space == fitted.space
    assert loaded.settings == fitted.settings
    mine, theirs = fitted.transform(case.entities()), loaded.transform(case.entities())
    np.testing.assert_array_equal(mine.vectors, theirs.vectors)
    assert (mine.ids, mine.basis, mine.support.tolist()) == (theirs.ids, theirs.basis, theirs.support.tolist())
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == [RECORD, ARRAYS]


def test_what_is_saved_is_saved_alike(fitted, tmp_path):
    first, second = fitted.save(tmp_path / "first"), fitted.save(tmp_path / "second")
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in (RECORD, ARRAYS))


def test_saving_over_something_is_refused_and_keeps_it(fitted, tmp_path):
    saved = fitted.save(tmp_path / "saved")
    before = (saved / RECORD).read_bytes()
    with pytest.raises(OutputError):
        fitted.save(saved)
    assert (saved / RECORD).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def test_a_changed_byte_is_noticed(fitted, tmp_path):
    saved = fitted.save(tmp_path / "saved")
    for name in (RECORD, ARRAYS):
        whole = (saved / name).read_bytes()
        for place in np.linspace(0, len(whole) - 2, 9).astype(int).tolist():
            (saved / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(BundleError):
                load_embedder(saved)
        (saved / name).write_bytes(whole)
    load_embedder(saved)
    (saved / ARRAYS).unlink()
    with pytest.raises(BundleError):
        load_embedder(saved)


def test_a_newer_or_unknown_embedder_is_refused(fitted, tmp_path):
    from graft.core.digests import key

    saved = fitted.save(tmp_path / "saved")
    written = json.loads((saved / RECORD).read_text())
    for change, words in (({"schema": 2}, "schema 2"), ({"kind": "oracle"}, "'oracle'")):
        record = {name: value for name, value in (written | change).items() if name != "digest"}
        (saved / RECORD).write_text(json.dumps(record | {"digest": key(record)}))
        with pytest.raises(BundleError, match=words):
            load_embedder(saved)


def test_no_rows_are_refused(case):
    with pytest.raises(InputError, match="0 "):
        case.fit(case.settings, case.rows(0).head(0))


def test_a_missing_column_is_named_with_those_there_are(case):
    column = {"id": "id", "item": "item", "user": "item", "category": "category"}[case.id]
    rows = case.rows(0)
    if column not in rows.columns:
        column = "item"
    with pytest.raises(InputError, match=f"no column '{column}'"):
        case.fit(case.settings, rows.drop(column))


def test_a_missing_id_is_named_with_its_row(case):
    rows = case.rows(0)
    column = case.id if case.id in rows.columns else "item"
    holed = rows.with_columns(pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise(pl.col(column)).alias(column))
    with pytest.raises(InputError, match="row 7"):
        case.fit(case.settings, holed)


def test_an_entity_twice_is_refused(case, fitted):
    if case.id == "user":
        with pytest.raises(InputError, match="stands in 2 rows"):
            fitted.transform(case.entities(), users=["u1", "u1"])
        return
    entities = case.entities()
    with pytest.raises(InputError, match="stands in 2 rows"):
        fitted.transform(pl.concat([entities, entities.head(1)]))


def test_what_is_no_table_is_refused(case):
    with pytest.raises(InputError, match="given as int"):
        case.fit(case.settings, 7)


def test_rows_go_into_an_embedding_table(case, fitted):
    frame = fitted.transform(case.entities()).frame()
    assert frame.columns == ["id", "vector", "digest", "space", "basis", "support", "skipped"]
    assert frame.schema["vector"] == pl.List(pl.Float32)
    assert set(frame["space"]) == {fitted.space.fingerprint}
    assert set(frame["digest"].str.len_chars()) == {32}
