"""The answer to "may we?": what is asked, what decisions change, what is found, and how long lists stay readable."""

import pytest

from graft.core.errors import InputError
from graft.governance.answers import answer, training_key
from graft.governance.causes import NEAREST, walk_from
from graft.governance.licences.reach import Reach, step
from graft.governance.lineage import lineage_of
from graft.governance.records import (
    Answer,
    Asset,
    AssetKind,
    Decision,
    Edge,
    LicenceStatement,
    Permission,
    Relation,
    TrainingData,
    Use,
)


def asset(
    name: str,
    *stated: str,
    kind: AssetKind = AssetKind.SOURCE,
    parents: tuple[tuple[Relation, str], ...] = (),
    sets: tuple[str, ...] = (),
) -> Asset:
    return Asset(
        kind=kind,
        name=name,
        digest=name,
        licences=tuple(LicenceStatement(stated=words, where=f"file {n}") for n, words in enumerate(stated)),
        training_data=tuple(TrainingData(name=one, where="README.md") for one in sets),
        edges=tuple(Edge(relation=relation, parent=parent) for relation, parent in parents),
    )


def ask(*assets: Asset, uses: tuple[Use, ...] = tuple(Use), decisions: tuple[Decision, ...] = ()) -> Answer:
    """The answer about the first of assets."""
    return answer(lineage_of(assets), assets[0].identity, uses=uses, decisions=decisions)


def decision(about: str, licence: str, because: str = "we asked") -> Decision:
    return Decision(asset=about, licence=licence, because=because, by="Ada")


TUNED, DATA, OUTPUTS = Relation.FINE_TUNED, Relation.TRAINED_ON_DATA, Relation.TRAINED_ON_OUTPUTS


def test_the_path_leads_from_the_asset_that_was_asked_about_to_the_cause() -> None:
    found = ask(
        asset("ours", kind=AssetKind.BUNDLE, parents=((TUNED, "source:tuned"),)),
        asset("tuned", "mit", parents=((TUNED, "source:base"),)),
        asset("base", "cc-by-nc-4.0"),
        uses=(Use.COMMERCIAL,),
    )
    (reason,) = found.reasons
    assert found.outcome is Permission.BLOCKED
    assert reason.path == ("bundle:ours", "source:tuned", "source:base")
    assert reason.text == "base: it may be used for non-commercial purposes only."
    assert reason.use is Use.COMMERCIAL
    assert reason.unblock


def test_the_shortest_path_is_given_when_there_are_several() -> None:
    found = ask(
        asset("ours", kind=AssetKind.BUNDLE, parents=((TUNED, "source:long"), (TUNED, "source:base"))),
        asset("long", "mit", parents=((TUNED, "source:base"),)),
        asset("base", "gemma"),
        uses=(Use.REDISTRIBUTE,),
    )
    assert {one.path for one in found.obligations if "gemma" in one.licence} == {("bundle:ours", "source:base")}


def test_an_asset_met_in_two_ways_counts_in_both() -> None:
    found = ask(
        asset("ours", kind=AssetKind.BUNDLE, parents=((TUNED, "source:base"), (OUTPUTS, "source:base"))),
        asset("base", "llama3"),
        uses=(Use.REDISTRIBUTE,),
    )
    assert found.outcome is Permission.UNSETTLED  # section 1.b.v, although a derivative alone would be allowed
    assert "naming" in {one.code for one in found.obligations}


def test_the_worst_of_several_uses_is_the_answer_and_each_reason_names_its_use() -> None:
    found = ask(asset("model", "unheard of"))
    assert found.outcome is Permission.BLOCKED
    assert {one.use: one.outcome for one in found.reasons} == {
        Use.INTERNAL: Permission.UNSETTLED,
        Use.COMMERCIAL: Permission.BLOCKED,
        Use.REDISTRIBUTE: Permission.BLOCKED,
        Use.HOSTED: Permission.BLOCKED,
    }
    assert [one.outcome for one in found.reasons][:3] == [Permission.BLOCKED] * 3


def test_a_decision_settles_what_is_unknown_and_is_told() -> None:
    model = asset("model")
    assert ask(model).outcome is Permission.BLOCKED
    found = ask(model, decisions=(decision("source:model", "MIT"),))
    assert found.outcome is Permission.ALLOWED
    assert [one.message for one in found.findings] == ["model: Ada decided 'MIT', because we asked"]


def test_the_last_decision_counts_and_overrides_what_is_stated() -> None:
    model = asset("model", "mit", "cc-by-nc-4.0")
    assert ask(model, uses=(Use.COMMERCIAL,)).outcome is Permission.BLOCKED
    first, second = decision("source:model", "cc-by-nc-4.0"), decision("source:model", "mit")
    assert ask(model, uses=(Use.COMMERCIAL,), decisions=(first, second)).outcome is Permission.ALLOWED
    assert ask(model, uses=(Use.COMMERCIAL,), decisions=(second, first)).outcome is Permission.BLOCKED


def test_a_decision_for_an_unknown_word_settles_nothing() -> None:
    assert ask(asset("model"), decisions=(decision("source:model", "free I think"),)).outcome is Permission.BLOCKED


def test_your_own_data_is_settled_by_saying_so() -> None:
    ours = asset("ours", kind=AssetKind.BUNDLE, parents=((DATA, "data:tickets"),))
    tickets = asset("tickets", kind=AssetKind.DATA)
    assert ask(ours, tickets).outcome is Permission.UNSETTLED
    found = ask(ours, tickets, decisions=(decision("data:tickets", "own"),))
    assert (found.outcome, found.obligations) == (Permission.ALLOWED, ())


def test_cleared_answers_open_questions_and_keeps_refusals_and_obligations() -> None:
    ours = asset("ours", kind=AssetKind.BUNDLE, parents=((DATA, "data:pages"), (TUNED, "source:base")))
    pages, base = asset("pages", "cc-by-sa-4.0", kind=AssetKind.DATA), asset("base", "cc-by-nc-4.0")
    cleared = (decision("data:pages", "cleared"), decision("source:base", "cleared"))
    assert ask(ours, pages, base, uses=(Use.REDISTRIBUTE,)).outcome is Permission.UNSETTLED
    found = ask(ours, pages, base, uses=(Use.REDISTRIBUTE,), decisions=cleared)
    assert found.outcome is Permission.ALLOWED
    assert "attribution" in {one.code for one in found.obligations if one.path[-1] == "data:pages"}
    assert ask(ours, pages, base, uses=(Use.COMMERCIAL,), decisions=cleared).outcome is Permission.BLOCKED


def test_a_person_may_say_that_a_student_is_no_large_language_model() -> None:
    ours = asset("ours", kind=AssetKind.BUNDLE, parents=((Relation.DISTILLED, "source:teacher"),))
    teacher = asset("teacher", "llama2")
    assert ask(ours, teacher, uses=(Use.INTERNAL,)).outcome is Permission.BLOCKED
    settled = (decision("source:teacher", "cleared"),)
    assert ask(ours, teacher, uses=(Use.INTERNAL,), decisions=settled).outcome is Permission.ALLOWED


def test_data_sets_behind_a_model_are_decided_one_by_one_or_with_the_model() -> None:
    model = asset("model", "mit", sets=("ms_marco", "reddit"))
    commercial = (Use.COMMERCIAL,)
    assert len(ask(model, uses=commercial).reasons) == 2
    marco = decision(training_key("source:model", "ms_marco"), "permission")
    found = ask(model, uses=commercial, decisions=(marco,))
    assert [one.text.split(":")[0] for one in found.reasons] == ["model, trained on Reddit comments"]
    assert not any("MS MARCO" in one.message for one in found.findings if one.code != "licence-decided")
    assert "model, trained on MS MARCO: Ada decided 'permission', because we asked" in [
        one.message for one in found.findings
    ]
    reddit = decision(training_key("source:model", "reddit"), "permission")
    assert ask(model, uses=commercial, decisions=(marco, reddit)).outcome is Permission.ALLOWED
    reddit = decision(training_key("source:model", "Reddit comments"), "cleared")
    assert ask(model, uses=commercial, decisions=(marco, reddit)).outcome is Permission.ALLOWED
    assert ask(model, uses=commercial, decisions=(decision("source:model", "cleared"),)).outcome is Permission.ALLOWED


def test_training_data_nobody_has_checked_is_told_and_asked_for_but_bars_nothing() -> None:
    found = ask(asset("model", "mit", sets=("our crawl", "TriviaQA")), uses=(Use.COMMERCIAL,))
    assert found.outcome is Permission.ALLOWED
    assert [one.code for one in found.findings] == ["training-data-unchecked"]
    (duty,) = found.obligations
    assert duty.code == "check-training-data"
    assert duty.text.startswith("model, trained on our crawl, TriviaQA: look up")
    assert ask(asset("model", "mit", sets=("our crawl",)), uses=(Use.INTERNAL,)).obligations == ()


def test_training_data_behind_a_teacher_still_asks_whether_it_may_be_commercial() -> None:
    student = asset("student", "mit", parents=((OUTPUTS, "source:teacher"),))
    teacher = asset("teacher", "mit", sets=("ms_marco", "squad"))
    assert ask(student, teacher, uses=(Use.COMMERCIAL,)).outcome is Permission.UNSETTLED
    found = ask(student, teacher, uses=(Use.REDISTRIBUTE,))
    assert (found.outcome, [one.code for one in found.obligations]) == (
        Permission.ALLOWED,
        ["attribution"],
    )  # its own MIT


def test_an_unknown_parent_is_a_finding_and_unsettled_and_can_be_decided() -> None:
    ours = asset("ours", kind=AssetKind.BUNDLE, parents=((TUNED, "source:ref:hf:org/name"),))
    found = ask(ours, uses=(Use.REDISTRIBUTE,))
    assert found.outcome is Permission.UNSETTLED
    assert "lineage-unknown-parent" in [one.code for one in found.findings]
    assert found.reasons[0].text == "hf:org/name: it is not in the ledger, so its licence is not known."
    settled = (decision("source:ref:hf:org/name", "mit"),)
    assert ask(ours, uses=(Use.REDISTRIBUTE,), decisions=settled).outcome is Permission.ALLOWED


def test_a_choice_of_licences_is_made_for_the_whole_answer_and_told() -> None:
    found = ask(asset("model", "CC-BY-NC-4.0 OR GPL-3.0-only"), uses=(Use.COMMERCIAL, Use.REDISTRIBUTE))
    assert found.outcome is Permission.ALLOWED
    assert {one.licence for one in found.obligations} == {"GPL-3.0-only"}
    assert "licence-choice" in [one.code for one in found.findings]
    assert "takes GPL-3.0-only" in found.findings[-1].message


def test_an_adapter_needs_its_base() -> None:
    found = ask(
        asset("ours", kind=AssetKind.BUNDLE, parents=((Relation.ADAPTER, "source:base"),)),
        asset("base", "mit", parents=((Relation.ADAPTER, "source:root"),)),
        asset("root", "mit"),
        uses=(Use.INTERNAL,),
    )
    assert [(one.code, one.path) for one in found.obligations] == [
        ("base-needed", ("bundle:ours",)),
        ("base-needed", ("bundle:ours", "source:base")),
    ]
    assert found.obligations[0].text.startswith("ours, an adapter of base: ")


def test_of_many_causes_of_the_same_the_nearest_are_listed_and_the_rest_counted() -> None:
    chain = [asset(f"m{n}", "mit", parents=((TUNED, f"source:m{n + 1}"),)) for n in range(99)]
    found = ask(*chain, asset("m99", "mit"), uses=(Use.REDISTRIBUTE,))
    assert len(found.obligations) == NEAREST
    assert [len(one.path) for one in found.obligations] == list(range(1, NEAREST + 1))
    assert found.obligations[-1].text.endswith(f"The same holds for {100 - NEAREST} more behind it.")


def test_ten_thousand_assets_in_a_chain_do_not_recurse() -> None:
    chain = [asset(f"m{n}", parents=((TUNED, f"source:m{n + 1}"),)) for n in range(9_999)]
    found = ask(*chain, asset("m9999"), uses=(Use.COMMERCIAL,))
    assert found.outcome is Permission.BLOCKED
    assert len(found.findings) == 10_000


def test_a_question_without_a_use_and_an_asset_nobody_has_are_refused() -> None:
    lineage = lineage_of([asset("minilm", "mit")])
    with pytest.raises(InputError, match="no use was named"):
        answer(lineage, "source:minilm", uses=())
    with pytest.raises(InputError, match=r"(?s)no asset 'source:minilmm'.*did you mean source:minilm"):
        answer(lineage, "source:minilmm", uses=(Use.INTERNAL,))
    with pytest.raises(InputError, match="add it to the ledger first"):
        answer(lineage_of([]), "source:x", uses=(Use.INTERNAL,))


def test_uses_are_answered_in_one_order_each_once() -> None:
    found = ask(asset("model", "mit"), uses=(Use.HOSTED, Use.INTERNAL, Use.HOSTED))
    assert found.uses == (Use.INTERNAL, Use.HOSTED)


@pytest.mark.parametrize("reach", list(Reach))
@pytest.mark.parametrize("relation", list(Relation))
def test_every_step_from_every_reach_leads_somewhere(reach: Reach, relation: Relation) -> None:
    for parent in ("source:1", "data:1", "bundle:1", "table:1"):
        assert step(reach, relation, parent) is not Reach.SELF


STEPS = {
    "fine-tuned source, quantised source": Reach.DERIVED,
    "merged source, adapter source": Reach.DERIVED,
    "fine-tuned source, distilled source": Reach.DISTILLED,
    "fine-tuned source, trained-on-outputs source": Reach.TAUGHT,
    "fine-tuned source, trained-on-data data": Reach.LEARNED,
    "merged table, stored-vectors data": Reach.STORED,
    "merged table, stored-vectors source": Reach.ENCODED,
    "distilled source, fine-tuned source": Reach.DISTILLED,  # the teacher was made from it
    "distilled source, distilled source": Reach.DISTILLED,
    "distilled source, trained-on-outputs source": Reach.TAUGHT,
    "distilled source, trained-on-data data": Reach.BEHIND,
    "trained-on-outputs source, fine-tuned source": Reach.TAUGHT,
    "trained-on-outputs source, distilled source": Reach.TAUGHT,
    "trained-on-outputs source, trained-on-data data": Reach.BEHIND,
    "trained-on-outputs source, trained-on-data data, merged data": Reach.BEHIND,
    "trained-on-data data, merged data": Reach.LEARNED,
    "trained-on-data data, trained-on-outputs source": Reach.TAUGHT,  # a model wrote the data
    "trained-on-data table, stored-vectors data": Reach.LEARNED,
    "trained-on-data table, stored-vectors source": Reach.TAUGHT,  # its vectors are its outputs
    "stored-vectors data, merged data": Reach.STORED,
    "stored-vectors data, trained-on-outputs source": Reach.ENCODED,
    "stored-vectors source, fine-tuned source": Reach.ENCODED,
    "stored-vectors source, distilled source": Reach.ENCODED,
    "stored-vectors bundle, trained-on-data data": Reach.BEHIND,
}


@pytest.mark.parametrize(("way", "reach"), STEPS.items())
def test_steps_add_up(way: str, reach: Reach) -> None:
    found = Reach.SELF
    for one in way.split(", "):
        relation, kind = one.split()
        found = step(found, Relation(relation), f"{kind}:1")
    assert found is reach


def test_a_walk_meets_nearest_first_and_skips_what_says_nothing_new() -> None:
    lineage = lineage_of(
        [
            asset(
                "ours", kind=AssetKind.BUNDLE, parents=((TUNED, "source:base"), (Relation.DISTILLED, "source:teacher"))
            ),
            asset("teacher", parents=((DATA, "data:pages"),)),
            asset("base", parents=((DATA, "data:pages"),)),
            asset("pages", kind=AssetKind.DATA),
        ]
    )
    walk = walk_from(lineage, "bundle:ours")
    assert [place for place in walk.places if place[0] == "data:pages"] == [
        ("data:pages", Reach.BEHIND),
        ("data:pages", Reach.LEARNED),
    ]  # distilled sorts before fine-tuned; the weaker reach was met first, so both stand
    assert walk.path(("data:pages", Reach.LEARNED)) == ("bundle:ours", "source:base", "data:pages")
