"""What the two bills of materials say."""

from graft.governance.emit import ModelFacts, cyclonedx, spdx
from graft.governance.records import Asset, AssetKind, Edge, Relation
from unit.governance.emit.document_facts import ADAPTER, BARE, BASE, ORDINARY, PUBLIC, ROWS

NO_LICENCE = "expandedlicensing_NoAssertionLicense"


def component(facts: ModelFacts, ref: str) -> dict:
    return next(one for one in cyclonedx(facts)["components"] if one["bom-ref"] == ref)


def told(part: dict, name: str) -> list[str]:
    return [one["value"] for one in part.get("properties", ()) if one["name"] == name]


def named(document: dict, name: str) -> dict:
    return next(one for one in document["@graph"] if one.get("name") == name)


def related(document: dict, source: str, how: str) -> list[dict]:
    """Names or expressions of what an element stands in a relationship to."""
    elements = {one["spdxId"]: one for one in document["@graph"] if "spdxId" in one}
    found = [
        one
        for one in elements.values()
        if one.get("relationshipType") == how and elements[one["from"]].get("name") == source
    ]
    return [
        elements[target].get("name") or elements[target]["simplelicensing_licenseExpression"]
        if target in elements
        else target
        for one in found
        for target in one["to"]
    ]


# ---------------------------------------------------------------------------------------------------- CycloneDX


def test_the_model_component():
    document = cyclonedx(ORDINARY)
    model = document["metadata"]["component"]
    assert document["metadata"]["timestamp"] == "2026-05-01T08:00:00Z"
    assert model["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert model["licenses"] == [{"expression": "Apache-2.0"}]
    assert model["supplier"] == {"name": "Example Ltd"}
    assert [one["name"] for one in model["components"]] == ["model/model.safetensors", "manifest.json"]
    assert told(model, "graft:licence-status") == ["decided"]
    assert told(model, "graft:obligation") == ["name the authors (CC-BY-4.0, 3(a))"]
    assert told(model, "graft:training-rows") == ["10003"]


def test_the_model_card_of_the_component():
    card = cyclonedx(ORDINARY)["metadata"]["component"]["modelCard"]
    assert card["modelParameters"]["task"] == "multiclass"
    assert card["modelParameters"]["datasets"] == [{"ref": ROWS.identity}, {"ref": PUBLIC.identity}]
    first, _, sliced, tiny = card["quantitativeAnalysis"]["performanceMetrics"]
    assert first == {
        "type": "macro_f1",
        "value": "0.923456789012345",
        "confidenceInterval": {"lowerBound": "0.91", "upperBound": "0.94"},
    }
    assert sliced["slice"] == "language: de"
    assert float(tiny["value"]) == 1e-12
    assert card["considerations"]["fairnessAssessments"] == [
        {"groupAtRisk": "writers of dialect", "harms": "more errors", "mitigationStrategy": "abstains when unsure"}
    ]
    assert card["considerations"]["technicalLimitations"] == ["English and German only"]


def test_pedigrees_name_direct_parents_and_every_ancestor_is_a_component():
    (parent,) = cyclonedx(ORDINARY)["metadata"]["component"]["pedigree"]["ancestors"]
    assert (parent["name"], parent["version"]) == ("acme/small-encoder", "5c38ec7")
    assert told(parent, "graft:relation") == ["fine-tuned"]
    base = component(ORDINARY, BASE.identity)
    assert base["hashes"] == [{"alg": "SHA-256", "content": "3" * 64}]
    assert base["externalReferences"][0]["url"] == "https://huggingface.co/acme/small-encoder/tree/5c38ec7"
    assert [one["name"] for one in base["pedigree"]["ancestors"]] == ["acme/big-encoder"]
    assert [one["name"] for one in base["modelCard"]["modelParameters"]["datasets"]] == ["snli", "MS MARCO triplets"]
    unread = component(ORDINARY, "source:ref:hf:acme/big-encoder")
    assert told(unread, "graft:known-by") == ["name alone"]


def test_data_sets_are_data_components_with_their_licences():
    rows = component(ORDINARY, ROWS.identity)
    assert rows["type"] == "data"
    assert rows["licenses"] == [{"expression": "CC-BY-4.0", "acknowledgement": "declared"}]
    assert rows["hashes"] == [{"alg": "SHA-256", "content": "5" * 64}]
    assert component(ORDINARY, PUBLIC.identity)["externalReferences"][0]["url"].endswith(
        "/datasets/acme/intents/tree/abc"
    )


def test_places_that_differ_are_all_listed():
    found = component(ORDINARY, PUBLIC.identity)["licenses"]
    assert [next(iter(one["license"].items())) for one in found] == [
        ("id", "MIT"),
        ("id", "CC-BY-SA-4.0"),
        ("name", "further terms"),
    ]


def test_packages_are_libraries_once_each():
    found = [one for one in cyclonedx(ORDINARY)["components"] if one["type"] == "library"]
    assert [(one["name"], one.get("version", ""), one["purl"]) for one in found] == [
        ("torch", "2.13.0+cpu", "pkg:pypi/torch@2.13.0"),
        ("Example_Tool", "", "pkg:pypi/example_tool"),
        ("torch", "", "pkg:pypi/torch"),
    ]
    needs = {one["ref"]: one.get("dependsOn", []) for one in cyclonedx(ORDINARY)["dependencies"]}
    assert "pkg:pypi/torch@2.13.0" in needs["model"]
    assert needs[BASE.identity] == ["source:ref:hf:acme/big-encoder"]


def test_the_serial_number_is_that_of_the_facts():
    first = cyclonedx(ORDINARY)["serialNumber"]
    assert cyclonedx(ORDINARY.model_copy(update={"kept_rows": 13}))["serialNumber"] != first
    assert cyclonedx(ORDINARY)["serialNumber"] == first


def test_a_long_lineage_stays_flat_and_quick():
    assets = [
        Asset(
            kind=AssetKind.SOURCE,
            name=f"m{number}",
            digest=f"{number:064x}",
            edges=(Edge(relation=Relation.FINE_TUNED, parent=f"source:{number - 1:064x}"),) if number else (),
        )
        for number in range(2000)
    ]
    edges = tuple(Edge(relation=Relation.MERGED, parent=asset.identity) for asset in assets[-3:])
    facts = BARE.model_copy(update={"lineage": tuple(assets), "edges": edges})
    assert len(cyclonedx(facts)["components"]) == 2000
    assert len([one for one in spdx(facts)["@graph"] if one["type"] == "ai_AIPackage"]) == 2001


# --------------------------------------------------------------------------------------------------------- SPDX


def test_the_model_package_of_spdx():
    document = spdx(ORDINARY)
    model = named(document, "category from text")
    assert model["software_packageVersion"] == "1"
    assert model["releaseTime"] == "2026-05-01T08:00:00Z"
    assert model["ai_metric"][0] == {
        "type": "DictionaryEntry",
        "key": "macro_f1",
        "value": "0.923456789012345, 0.91 to 0.94 (95 %)",
    }
    assert model["ai_metric"][2]["key"] == "macro_f1 (language: de)"
    assert model["ai_limitation"] == "English and German only slower than the classical control"
    assert named(document, "Example Ltd")["spdxId"] == model["suppliedBy"]
    assert related(document, "category from text", "hasDeclaredLicense") == ["Apache-2.0"]
    assert related(document, "category from text", "hasConcludedLicense") == ["Apache-2.0"]


def test_relationships_of_spdx():
    document = spdx(ORDINARY)
    assert related(document, "category from text", "descendantOf") == ["acme/small-encoder"]
    assert related(document, "category from text", "trainedOn") == ["tickets.csv", "acme/intents"]
    assert related(document, "category from text", "testedOn") == ["tickets.csv", "acme/intents"]
    assert related(document, "category from text", "contains") == ["model/model.safetensors", "manifest.json"]
    assert related(document, "category from text", "dependsOn") == ["torch", "Example_Tool", "torch"]
    assert related(document, "acme/small-encoder", "descendantOf") == ["acme/big-encoder"]
    assert related(document, "acme/small-encoder", "trainedOn") == ["snli", "MS MARCO triplets"]
    assert related(ADAPTER_DOCUMENT, ADAPTER.name, "other") == ["acme/teacher"]


ADAPTER_DOCUMENT = spdx(ADAPTER)


def test_licences_of_spdx_are_declared_where_places_agree_and_never_concluded_here():
    document = spdx(ORDINARY)
    assert related(document, "acme/small-encoder", "hasDeclaredLicense") == ["Apache-2.0"]
    assert related(document, "acme/small-encoder", "hasConcludedLicense") == [NO_LICENCE]
    assert related(document, "acme/intents", "hasDeclaredLicense") == [NO_LICENCE]
    assert related(document, "MS MARCO triplets", "hasDeclaredLicense") == ["CC-BY-NC-4.0"]
    assert related(document, "snli", "hasDeclaredLicense") == [NO_LICENCE]
    told = next(one["comment"] for one in document["@graph"] if "further terms" in one.get("comment", ""))
    assert told.startswith("Stated: MIT (README.md (front matter: license)); CC-BY-SA-4.0 (LICENSE (its text));")


def test_licences_that_are_not_on_the_list_are_explained():
    expression = "LicenseRef-scancode-gemma-tou-2024-04-01 AND MIT"
    licence = next(
        one for one in ADAPTER_DOCUMENT["@graph"] if one.get("simplelicensing_licenseExpression") == expression
    )
    (entry,) = licence["simplelicensing_customIdToUri"]
    assert entry["key"] == "LicenseRef-scancode-gemma-tou-2024-04-01"
    assert named(ADAPTER_DOCUMENT, entry["key"])["spdxId"] == entry["value"]


def test_what_is_not_known_is_not_asserted():
    document = spdx(BARE)
    model = named(document, "m")
    assert model["software_downloadLocation"] == "NOASSERTION"
    assert model["software_packageVersion"] == "NOASSERTION"
    assert named(document, "NOASSERTION")["spdxId"] == model["suppliedBy"]
    assert "1970 stands in" in document["@graph"][0]["comment"]
    assert related(document, "m", "hasConcludedLicense") == [NO_LICENCE]
    assert "latest it can be" in named(spdx(ORDINARY), "acme/big-encoder")["comment"]


def test_kinds_of_data_are_read_from_the_names_of_files():
    document = spdx(ORDINARY)
    assert named(document, "tickets.csv")["dataset_datasetType"] == ["structured"]
    assert named(document, "tickets.csv")["dataset_datasetSize"] == 1234
    assert named(document, "snli")["dataset_datasetType"] == ["noAssertion"]
