"""The registry: what events mean, and that state is a fold over them."""

import threading

import pytest

from graft.core.errors import InputError
from graft.governance.ledger import Ledger, LedgerError, export_events, import_events
from graft.governance.ledger.state import merged
from graft.governance.records import (
    Asset,
    AssetKind,
    Decision,
    Edge,
    FileDigest,
    LicenceStatement,
    Relation,
    TrainingData,
)
from graft.governance.registry import Registry

CARD = LicenceStatement(stated="mit", where="README.md")
SAID = LicenceStatement(stated="Apache-2.0", where="stated by a person")

LIST = "list the assets, or add this one: graft assets list, graft assets add path:DIR (or a data file)"


def asset(name="minilm", digest="53aa51172d", kind=AssetKind.SOURCE, **facts):
    return Asset(kind=kind, name=name, digest=digest, **facts)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def registry(place):
    with Registry(place) as opened:
        yield opened


def kinds(registry):
    return [event.kind for event in registry.ledger.events()]


def test_an_asset_is_added_once_and_updated_when_its_facts_change(registry):
    first = registry.add_asset(asset(licences=(CARD,)))
    assert first.added.endswith("Z")
    assert registry.add_asset(asset(licences=(CARD,))) == first
    assert registry.add_asset(first) == first
    assert kinds(registry) == ["asset-added"]
    second = registry.add_asset(asset(licences=(CARD,), publisher="someone"))
    assert (second.publisher, second.added) == ("someone", first.added)
    assert registry.add_asset(second) == second
    assert kinds(registry) == ["asset-added", "asset-updated"]
    assert registry.assets() == (second,)


def test_another_kind_or_digest_is_another_asset(registry):
    one = registry.add_asset(asset())
    other = registry.add_asset(asset(kind=AssetKind.TABLE))
    third = registry.add_asset(asset(digest="ffff"))
    assert registry.assets() == (one, other, third)


def test_reading_the_files_again_does_not_undo_what_a_person_stated(registry):
    read = asset(name="org/model", licences=(CARD,), tags=("text",))
    said = asset(name="mine", licences=(CARD, SAID), training_data=(TrainingData(name="wiki", where="a person"),))
    registry.add_asset(said)
    both = registry.add_asset(read)
    assert both.licences == (CARD, SAID)
    assert both.training_data == said.training_data
    assert both.tags == ("text",)
    count = registry.ledger.head().count
    assert registry.add_asset(read) == both
    assert registry.ledger.head().count == count
    corrected = LicenceStatement(stated="bsd-3-clause", where="README.md")
    assert registry.add_asset(asset(name="org/model", licences=(corrected,))).licences == (corrected, SAID)


def test_merging_is_the_same_when_repeated_and_erases_nothing():
    old = asset(licences=(SAID, CARD), publisher="us", edges=(Edge(relation=Relation.MERGED, parent="source:1"),))
    new = asset(licences=(CARD,), edges=(Edge(relation=Relation.ADAPTER, parent="source:2"),), revision="r")
    both = merged(old, new)
    assert both.licences == (SAID, CARD)
    assert both.edges == (*old.edges, *new.edges)
    assert (both.publisher, both.revision) == ("us", "r")
    assert merged(both, new) == both
    assert merged(both, old) == both


def test_an_asset_is_found_by_identity_name_version_and_digest(registry):
    minilm = registry.add_asset(asset())
    one = registry.add_asset(asset("tickets", "ab12" + "0" * 60, AssetKind.DATA, version="1"))
    two = registry.add_asset(asset("tickets", "ab13" + "0" * 60, AssetKind.DATA, version="2"))
    assert registry.find("minilm") == registry.find(minilm.identity) == registry.find("53aa") == minilm
    assert registry.find("source:53aa51") == minilm
    assert registry.find("tickets@2") == registry.find("ab13") == registry.find("data:ab13") == two
    assert registry.find("tickets@1") == one
    with pytest.raises(InputError, match=r"'tickets' names 2 assets: tickets 1 \(data:ab1200000000\), tickets 2"):
        registry.find("tickets")
    with pytest.raises(InputError, match="no asset is called 'data:ab1'"):
        registry.find("data:ab1")


@pytest.mark.parametrize(
    ("named", "fix"),
    [
        ("minilmm", "did you mean 'minilm'?"),
        ("TICKETS", "did you mean 'tickets'?"),
        ("org", "did you mean 'org/bert-small'?"),
        ("53a", LIST),
        ("nothing like it", LIST),
    ],
)
def test_what_is_not_found_lists_near_names(registry, named, fix):
    for number, name in enumerate(["minilm", "tickets", "org/bert-small"]):
        registry.add_asset(asset(name, f"{number}{'53aa'}{number}"))
    with pytest.raises(InputError, match=f"no asset is called '{named}'") as raised:
        registry.find(named)
    assert raised.value.fix == fix
    assert "holds 3 assets" in raised.value.needed


def test_nothing_is_found_in_an_empty_ledger(registry):
    with pytest.raises(InputError, match="no asset is called 'x'") as raised:
        registry.find("x")
    assert "no assets yet" in raised.value.needed


def test_an_asset_is_found_by_a_name_it_had_unless_another_has_it_now(registry):
    registry.add_asset(asset("old name"))
    renamed = registry.add_asset(asset("new name"))
    assert registry.find("old name") == registry.find("new name") == renamed
    other = registry.add_asset(asset("old name", "beef"))
    assert registry.find("old name") == other


def test_descent_accumulates_and_has_a_direction(registry):
    base = registry.add_asset(asset("base", "aaaa"))
    tuned = registry.add_asset(asset("tuned", "bbbb"))
    edge = Edge(relation=Relation.FINE_TUNED, parent=base.identity, study="s1")
    data = Edge(relation=Relation.TRAINED_ON_DATA, parent="data:cccc")
    assert registry.add_asset(asset("tuned", "bbbb", edges=(edge,))).edges == (edge,)
    assert registry.add_asset(asset("tuned", "bbbb", edges=(data,))).edges == (edge, data)
    assert registry.add_asset(asset("tuned", "bbbb", edges=(edge,))).edges == (edge, data)
    assert registry.add_asset(asset("tuned", "bbbb")).edges == (edge, data), "saying less takes nothing back"
    back = Edge(relation=Relation.MERGED, parent=tuned.identity)
    with pytest.raises(InputError, match="source:aaaa would descend from itself, by way of source:bbbb"):
        registry.add_asset(asset("base", "aaaa", edges=(back,)))
    with pytest.raises(InputError, match="source:aaaa would descend from itself"):
        registry.add_asset(asset("base", "aaaa", edges=(back.model_copy(update={"parent": base.identity}),)))
    assert registry.find("base").edges == ()


def test_a_decision_names_its_asset_and_the_last_one_counts(registry):
    minilm, other = registry.add_asset(asset()), registry.add_asset(asset("other", "beef"))
    first = registry.decide(Decision(asset="minilm", licence="MIT", because="the card says so", by="ann"))
    assert first.asset == minilm.identity
    assert first.at.endswith("Z")
    assert registry.decide(Decision(asset="53aa", licence="MIT", because="the card says so", by="ann")) == first
    second = registry.decide(Decision(asset="minilm", licence="Apache-2.0", because="the repository", by="bob"))
    third = registry.decide(Decision(asset="other", licence="MIT", because="asked them", by="ann"))
    again = registry.decide(Decision(asset="minilm", licence="MIT", because="the card says so", by="ann"))
    assert registry.decisions() == (first, second, third, again)
    assert registry.decisions("minilm") == (first, second, again)
    assert registry.decisions(other.identity) == (third,)


@pytest.mark.parametrize("field", ["licence", "because", "by"])
def test_a_decision_needs_a_licence_a_reason_and_a_person(registry, field):
    registry.add_asset(asset())
    facts = {"asset": "minilm", "licence": "MIT", "because": "read it", "by": "ann"}
    with pytest.raises(InputError, match=f"a decision about 'minilm' without '{field}'"):
        registry.decide(Decision(**{**facts, field: " "}))
    with pytest.raises(InputError, match="no asset is called 'unknown'"):
        registry.decide(Decision(**{**facts, "asset": "unknown"}))
    assert registry.decisions() == ()


def test_a_holdout_counts_the_studies_that_opened_it(registry):
    assert registry.holdout("h").count == 0
    first = registry.open_holdout("h", "study-1")
    assert (first.count, first.studies) == (1, ("study-1",))
    assert registry.open_holdout("h", "study-1") == first, "the same study, begun again after an interruption"
    assert registry.open_holdout("h", "study-2").studies == ("study-1", "study-2")
    assert registry.open_holdout("other", "study-2").count == 1
    assert registry.holdout("h").count == 2
    assert kinds(registry) == ["holdout-opened"] * 3
    with pytest.raises(InputError, match="nobody opens the holdout 'h'"):
        registry.open_holdout("h", "")


def test_studies_start_and_finish(registry):
    started = registry.start_study("s1")
    assert (started.finished, started.verdict) == ("", "")
    assert registry.start_study("s1") == started
    done = registry.finish_study("s1", verdict="helps", bundle="ab12")
    assert (done.started, done.verdict, done.bundle) == (started.started, "helps", "ab12")
    assert done.finished >= done.started
    assert registry.finish_study("s1", verdict="helps", bundle="ab12") == done
    again = registry.finish_study("s1", verdict="inconclusive")
    assert (again.verdict, again.bundle) == ("inconclusive", "")
    registry.start_study("s2")
    assert [study.key for study in registry.studies()] == ["s1", "s2"]
    assert kinds(registry) == ["study-started", "study-finished", "study-finished", "study-started"]
    with pytest.raises(InputError, match="the study 's3' never started"):
        registry.finish_study("s3", verdict="helps")


def filled(registry):
    base = registry.add_asset(asset(licences=(CARD,), files=(FileDigest(path="a/b", sha256="00", size=3),)))
    registry.add_asset(asset("tickets", "beef", AssetKind.DATA))
    # An edge was an event of its own in earlier versions; it is still read.
    edge = Edge(relation=Relation.TRAINED_ON_OUTPUTS, parent=base.identity)
    registry.ledger.append("edge-recorded", "data:beef", edge.model_dump(mode="json"))
    registry.add_asset(asset(licences=(SAID,)))
    registry.decide(Decision(asset="minilm", licence="MIT", because="read", by="ann"))
    registry.open_holdout("h", "s1")
    registry.start_study("s1")
    registry.finish_study("s1", verdict="harms", bundle="cc")
    return state(registry)


def state(registry):
    return registry.assets(), registry.decisions(), registry.holdout("h"), registry.studies()


def test_everything_is_replayed_from_the_events_alone(registry, place, tmp_path):
    before = filled(registry)
    with Registry(place) as again:
        assert state(again) == before
    export_events(registry.ledger, tmp_path / "out.jsonl")
    with Ledger(tmp_path / "copy.sqlite") as copy:
        import_events(copy, tmp_path / "out.jsonl")
        assert state(Registry(copy)) == before


def test_events_of_others_are_passed_over(registry, place):
    before = filled(registry)
    registry.ledger.append("vectors-erased", "table:1", {"entity": "someone"})
    assert state(registry) == before
    with Registry(place) as again:
        assert state(again) == before


def test_facts_this_version_does_not_know_are_refused_with_the_event(registry):
    registry.ledger.append("asset-added", "source:1", {"kind": "source", "name": "x", "digest": "1", "halo": "?"})
    with pytest.raises(LedgerError, match=r"event 1 \(asset-added\) cannot be read: halo: Extra inputs") as raised:
        registry.assets()
    assert "upgrade" in raised.value.fix


def test_what_is_unknown_is_not_written_so_older_versions_can_read_the_rest(registry):
    registry.add_asset(asset())
    assert next(iter(registry.ledger.events())).facts == {"kind": "source", "name": "minilm", "digest": "53aa51172d"}


def test_threads_share_a_registry(registry):
    def work(number):
        for turn in range(10):
            registry.add_asset(asset(f"a-{turn}", f"{turn:04d}"))
            registry.open_holdout("h", f"study-{number}-{turn}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.assets()) == 10
    assert registry.holdout("h").count == 40
    assert registry.ledger.head().count == 50
    assert registry.ledger.verify().sound


@pytest.mark.parametrize(
    ("licence", "near"),
    [
        ("Apache-2.O", "Apache-2.0"),
        ("MITT", "MIT"),
        ("cc-by-nc-4", "CC-BY-NC-4.0"),
        ("cleard", "cleared"),
        ("permision", "permission"),
        ("MIT OR Apache-2.00", "Apache-2.0"),
        ("GPL-3.0-only WITH Classpath-exeption-2.0", "Classpath-exception-2.0"),
        ("(MIT", "MIT"),
        ("something else entirely", "check how it is written"),
        ("other", "check how it is written"),
    ],
)
def test_a_licence_nobody_knows_is_refused_with_near_names_and_not_recorded(registry, licence, near):
    registry.add_asset(Asset(kind="source", name="minilm", digest="53aa51"))
    with pytest.raises(InputError, match="is no licence Graft knows") as raised:
        registry.decide(Decision(asset="minilm", licence=licence, because="read", by="ann"))
    assert near in raised.value.fix
    assert registry.decisions() == ()


@pytest.mark.parametrize(
    "licence", ["mit", "own", "permission", "Cleared", "LicenseRef-ours", "Apache-2.0 OR MIT", "0BSD", "Zlib", "gpl"]
)
def test_what_can_be_decided_is_recorded_as_it_was_said(registry, licence):
    registry.add_asset(Asset(kind="source", name="minilm", digest="53aa51"))
    assert registry.decide(Decision(asset="minilm", licence=licence, because="x", by="ann")).licence == licence


def test_a_parent_known_by_name_is_decided_about_by_that_name(registry):
    parent = "source:ref:hf:org/base"
    child = Asset(kind="source", name="tuned", digest="c1", edges=(Edge(relation="fine-tuned", parent=parent),))
    registry.add_asset(child)
    for named in ("hf:org/base", "org/base", parent):
        made = registry.decide(Decision(asset=named, licence="MIT", because=f"the card says so: {named}", by="ann"))
        assert made.asset == parent
    with pytest.raises(InputError, match="no asset is called 'hf:org/other'"):
        registry.decide(Decision(asset="hf:org/other", licence="MIT", because="x", by="ann"))
