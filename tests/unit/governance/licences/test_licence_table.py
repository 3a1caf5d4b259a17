"""The table of licences: complete, cited, and with names that mean one thing."""

import license_expression
import pytest
from pydantic import ValidationError

from graft.governance.licences.expressions import read_terms
from graft.governance.licences.table import Duty, Family, Licence, by_name, licence, normalise, table
from graft.governance.licences.training import find_training_set, training_sets
from graft.governance.records import Permission, Use

WIDELY_MET = [
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "ODbL-1.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "AGPL-3.0-only",
    "BSL-1.0",
    "LicenseRef-scancode-stable-diffusion-2022-08-22",
    "LicenseRef-scancode-bigscience-open-rail-m",
    "LicenseRef-scancode-bigcode-open-rail-m-v1",
    "LicenseRef-scancode-llama-2-license-2023",
    "LicenseRef-Meta-Llama-3",
    "LicenseRef-scancode-llama-3.1-license-2024",
    "LicenseRef-scancode-llama-3.2-license-2024",
    "LicenseRef-scancode-llama-3.3-license-2024",
    "LicenseRef-scancode-llama-4-cla-2025",
    "LicenseRef-scancode-gemma-tou-2024-04-01",
    "LicenseRef-GroupLens-MovieLens",
    "LicenseRef-MS-MARCO",
    "MPL-2.0",
    "EPL-2.0",
    "LGPL-3.0-only",
    "MIT-0",
    "Zlib",
    "0BSD",
    "Unlicense",
    "ISC",
    "PostgreSQL",
    "CC-BY-3.0",
    "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0",
    "CDLA-Permissive-1.0",
    "CDLA-Permissive-2.0",
    "CDLA-Sharing-1.0",
    "ODC-By-1.0",
    "PDDL-1.0",
    "LicenseRef-scancode-llama-license-2023",
    "LicenseRef-scancode-bigscience-open-rail-m2",
    "LicenseRef-scancode-tongyi-qianwen-2023",
    "LicenseRef-Qwen",
    "LicenseRef-Qwen-Research",
    "LicenseRef-scancode-deepseek-la-1.0",
    "LicenseRef-scancode-falcon-2-11b-1.0",
    "LicenseRef-scancode-stability-ai-community-2024",
    "LicenseRef-scancode-nvidia-open-model-2025-04-28",
    "LicenseRef-Mistral-Research",
    "LicenseRef-Mistral-Non-Production",
    "LicenseRef-Cohere-Labs-CC-BY-NC",
    "LicenseRef-FAIR-Noncommercial-Research",
]


@pytest.mark.parametrize("identifier", WIDELY_MET)
def test_a_licence_that_people_meet_is_recorded(identifier: str) -> None:
    assert licence(identifier).id == identifier


@pytest.mark.parametrize("record", table().licences, ids=lambda record: record.id)
def test_every_record_cites_a_clause_for_everything_it_says(record: Licence) -> None:
    granted = {use for use in record.grants if record.grants[use].strip()}
    limited = {use for limit in record.limits if not limit.adapted for use in limit.uses}
    assert granted | limited == set(Use)
    assert not granted & limited
    for part in (*record.limits, *record.asks, *([record.students] if record.students else [])):
        assert part.clause.strip(), part
        assert part.text.endswith("."), part
    for limit in record.limits:
        assert limit.unblock.endswith(".")
    assert all(ask.when for ask in record.asks)
    assert (record.text.startswith("https://")) == (
        record.id not in ("LicenseRef-own", "LicenseRef-permission", "LicenseRef-non-commercial")
    )


def test_identifiers_are_on_the_spdx_list_or_are_references_of_the_public_licence_index() -> None:
    known = set(license_expression.get_spdx_licensing().known_symbols)
    ours = {record.id for record in table().licences}
    assert {one for one in ours if not one.startswith("LicenseRef-")} <= known
    assert {one for one in ours if one.startswith("LicenseRef-scancode-")} <= known


def test_a_name_means_one_licence_or_one_family() -> None:
    assert len(by_name()) > 250
    assert isinstance(by_name()["bsd"], Family)
    for record in (*table().licences, *table().families):
        for name in record.names:
            assert by_name()[normalise(name)] is record


def test_members_of_a_family_are_licences_that_a_decision_can_name() -> None:
    unread = {member for family in table().families for member in family.members if not read_terms(member).licence}
    # in a public list of licences, their terms not recorded here
    assert unread == {"Apache-1.1", "MPL-1.1", "EPL-1.0", "LicenseRef-scancode-stability-ai-nc-2023-12-06"}
    for family in table().families:
        assert not family.common or licence(family.common).id in family.members


def test_thresholds_carry_their_number() -> None:
    users = {
        record.id: ask.users for record in table().licences for ask in record.asks if ask.code is Duty.USER_THRESHOLD
    }
    llama, qwen = (sorted(name for name in users if users[name] == count) for count in (700_000_000, 100_000_000))
    assert len(llama) == 6  # Llama 2, 3, 3.1, 3.2, 3.3 and 4
    assert qwen == ["LicenseRef-Qwen", "LicenseRef-scancode-tongyi-qianwen-2023"]
    assert len(users) == 8


def test_a_use_without_an_answer_is_refused_when_the_table_is_read() -> None:
    record = licence("MIT").model_dump()
    record["grants"].pop(Use.HOSTED)
    with pytest.raises(ValidationError, match="either granted or limited"):
        Licence.model_validate(record)
    record = licence("CC-BY-NC-4.0").model_dump()
    record["grants"][Use.COMMERCIAL] = "nowhere"
    with pytest.raises(ValidationError, match="either granted or limited"):
        Licence.model_validate(record)


def test_the_table_says_what_the_licences_say_about_business() -> None:
    blocked = {
        one.id
        for one in table().licences
        for limit in one.limits
        if Use.COMMERCIAL in limit.uses and not limit.adapted and limit.outcome is Permission.BLOCKED
    }
    assert blocked == {
        "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-3.0", "CC-BY-NC-ND-3.0", "CC-BY-NC-SA-3.0",
        "BUSL-1.1", "LicenseRef-GroupLens-MovieLens", "LicenseRef-MS-MARCO", "LicenseRef-non-commercial",
        "LicenseRef-scancode-llama-license-2023", "LicenseRef-Qwen-Research", "LicenseRef-Mistral-Research",
        "LicenseRef-Mistral-Non-Production", "LicenseRef-Cohere-Labs-CC-BY-NC",
        "LicenseRef-FAIR-Noncommercial-Research", "LicenseRef-scancode-chameleon-research-2024",
    }  # fmt: skip
    open_to_it = {one.id for one in table().licences if Use.COMMERCIAL in one.grants}
    rest = {one.id for one in table().licences} - open_to_it - blocked
    assert rest == {"LicenseRef-scancode-stability-ai-community-2024"}  # depends on what you earn
    bound = {one.id for one in table().licences if one.students and one.students.kind == "bound"}
    refused = {one.id for one in table().licences if one.students and one.students.kind == "refused"}
    assert refused == {
        "LicenseRef-scancode-llama-2-license-2023", "LicenseRef-Meta-Llama-3",
        "LicenseRef-scancode-tongyi-qianwen-2023",
    }  # fmt: skip
    assert {"LicenseRef-scancode-gemma-tou-2024-04-01", "LicenseRef-scancode-deepseek-la-1.0"} < bound
    assert len(bound) == 8


def test_training_sets_state_licences_that_can_be_read_and_say_where() -> None:
    for known in training_sets():
        assert known.where.strip(), known.name
        for stated in known.states:
            terms = read_terms(stated)
            assert terms.licence or terms.common, (known.name, stated)
        assert bool(known.why) >= bool(known.open), known.name
        for name in known.names:
            assert find_training_set(name) is known, name


def test_outcomes_of_limits_are_never_allowed() -> None:
    assert {limit.outcome for one in table().licences for limit in one.limits} == {
        Permission.BLOCKED,
        Permission.UNSETTLED,
    }
