"""Facts of saved models to make documents of: an ordinary one, a bare one, and ones with hostile content."""

from graft.core.intervals import Interval
from graft.governance.emit import Considerations, Fairness, Measure, ModelFacts, Package
from graft.governance.records import (
    Asset,
    AssetKind,
    Edge,
    FileDigest,
    LicenceStatement,
    Obligation,
    Relation,
    TrainingData,
)

CARD = "README.md (front matter: license)"

BASE = Asset(
    kind=AssetKind.SOURCE,
    name="acme/small-encoder",
    version="5c38ec7",
    digest="1" * 64,
    files=(
        FileDigest(path="config.json", sha256="2" * 64, size=612),
        FileDigest(path="model.safetensors", sha256="3" * 64, size=90_868_376),
    ),
    reference="hf:acme/small-encoder@5c38ec7",
    revision="5c38ec7",
    publisher="acme",
    licences=(
        LicenceStatement(stated="apache-2.0", where=CARD),
        LicenceStatement(stated="Apache-2.0", where="LICENSE (its text)"),
    ),
    training_data=(
        TrainingData(name="snli", where="README.md (front matter: datasets)"),
        TrainingData(
            name="MS MARCO triplets",
            where="README.md (table under: Training data)",
            licences=(LicenceStatement(stated="cc-by-nc-4.0", where="README.md (table under: Training data)"),),
        ),
        TrainingData(name="snli", where="README.md (table under: Training data)"),
    ),
    edges=(
        Edge(
            relation=Relation.FINE_TUNED, parent="source:ref:hf:acme/big-encoder", where="config.json (_name_or_path)"
        ),
    ),
    languages=("en",),
    architectures=("BertModel",),
)

ROWS = Asset(
    kind=AssetKind.DATA,
    name="tickets.csv",
    digest="4" * 64,
    files=(FileDigest(path="tickets.csv", sha256="5" * 64, size=1234),),
    reference="path:tickets.csv",
    licences=(LicenceStatement(stated="CC-BY-4.0", where="LICENSE (beside tickets.csv) (its text)"),),
)

PUBLIC = Asset(
    kind=AssetKind.DATA,
    name="acme/intents",
    digest="6" * 64,
    files=(FileDigest(path="data/train.parquet", sha256="7" * 64, size=99),),
    reference="hf:acme/intents@abc",
    revision="abc",
    publisher="acme",
    licences=(
        LicenceStatement(stated="mit", where=CARD),
        LicenceStatement(stated="CC-BY-SA-4.0", where="LICENSE (its text)"),
        LicenceStatement(stated="further terms", where="LICENSE (also says: ask first)"),
    ),
)

ORDINARY = ModelFacts(
    name="category from text",
    version="1",
    task="multiclass",
    labels=("billing", "login"),
    description="Routes questions to the team that answers them.",
    verdict="Transfer helps: macro F1 is 0.92, 0.05 above the best control.",
    strategy="frozen",
    done="solved a linear head on frozen vectors",
    created="2026-05-01T10:00:00+02:00",
    maker="Example Ltd",
    files=(
        FileDigest(path="model/model.safetensors", sha256="a" * 64, size=5),
        FileDigest(path="manifest.json", sha256="b" * 64, size=7),
    ),
    metrics=(
        Measure(name="macro_f1", value=Interval(0.923456789012345, 0.91, 0.94), rows=3080, data="tickets"),
        Measure(name="accuracy", value=Interval(0.93, 0.9, 0.95), level=0.9, rows=3080, data="tickets"),
        Measure(name="macro_f1", value=Interval(0.8), slice="language: de", rows=310, data="tickets"),
        Measure(name="macro_f1", value=Interval(1e-12), rows=5, data="intents", data_reference="hf:acme/intents"),
    ),
    lineage=(BASE, ROWS, PUBLIC),
    edges=(
        Edge(relation=Relation.FINE_TUNED, parent=BASE.identity, study="k1"),
        Edge(relation=Relation.TRAINED_ON_DATA, parent=ROWS.identity, study="k1"),
        Edge(relation=Relation.TRAINED_ON_DATA, parent=PUBLIC.identity, study="k1"),
    ),
    tested_on=(ROWS.identity, PUBLIC.identity),
    obligations=(
        Obligation(
            code="attribution", text="name the authors", licence="CC-BY-4.0", clause="3(a)", path=("m", ROWS.identity)
        ),
    ),
    licence="Apache-2.0",
    considerations=Considerations(
        users=("support teams",),
        use_cases=("routing of questions",),
        limitations=("English and German only",),
        tradeoffs=("slower than the classical control",),
        fairness=(
            Fairness(group="writers of dialect", benefits="", harms="more errors", mitigation="abstains when unsure"),
        ),
    ),
    languages=("en", "no"),
    tags=("support", "graft"),
    training_rows=10_003,
    fingerprint="f00d",
    kept_rows=12,
    vocabulary=False,
    packages=(Package(name="torch", version="2.13.0+cpu"), Package(name="Example_Tool"), Package(name="torch")),
    study="k1",
)

BARE = ModelFacts(name="m", task="regression", use="")

ADAPTER = ModelFacts(
    name="an adapter of two bases nobody has read",
    task="binary",
    licence="LicenseRef-scancode-gemma-tou-2024-04-01 AND MIT",
    edges=(
        Edge(relation=Relation.ADAPTER, parent="source:ref:hf:acme/big-encoder"),
        Edge(relation=Relation.ADAPTER, parent="source:ref:name:./out 3"),
        Edge(relation=Relation.TRAINED_ON_OUTPUTS, parent="source:ref:hf:acme/teacher"),
    ),
)

_OTHER = BASE.model_copy(
    update={
        "name": "acme/other-encoder",
        "digest": "c" * 64,
        "reference": "hf:acme/other-encoder",
        "training_data": (
            TrainingData(name="snli", where="README.md (front matter: datasets)"),
            TrainingData(
                name="MS MARCO triplets",
                where="README.md (table)",
                licences=(LicenceStatement(stated="mit", where="README.md (table)"),),
            ),
        ),
    }
)
SHARED = ModelFacts(
    name="two sources that name the same data sets",
    task="binary",
    lineage=(BASE, _OTHER),
    edges=(
        Edge(relation=Relation.MERGED, parent=BASE.identity),
        Edge(relation=Relation.MERGED, parent=_OTHER.identity),
        Edge(relation=Relation.MERGED, parent=_OTHER.identity),
    ),
)

NASTY = (
    "quotes \" and ' and `code`",
    "a\nline\r\nbreak\r\n---\nlicense: mit\n---\n",
    "---",
    "# heading\n- item\n1. number\n=====\n> quote\n    indented",
    "| cell | cell |\n|---|---|\n| a | b |",
    "[link](javascript:alert(1)) ![image](https://example.org/x.png) <script>alert(1)</script> &lt;b&gt;",
    "*a* _b_ **c** ~~d~~ $x$ `e` ```f``` \\g",
    "!!python/object/apply:os.system ['true']",
    "&anchor *alias {a: b} [c, d] 'e' #f: g %h @i",
    "no",
    "~",
    "1e3",
    "2026-05-01",
    "Größe 模型 عربي \U0001f600 e\u0301 \u202eabc",
    "tab\there \u2028 \u2029 \x85 \x1b[31m \x00 \x7f end",
    " leading and trailing ",
    "x" * 100_000,
    '<!-- comment --> --> ]]> "}]}',
    "urn:cdx:1/2#3",
    "../../etc/passwd",
    "%s %d {0} {name} ${HOME} $(id)",
    "] } , : ? - ! | > % @ ` \" ' # & * \\ /",
)


def hostile(text: str) -> ModelFacts:
    """Facts in which every word somebody else could have chosen is this text."""
    statement = LicenceStatement(stated=text, where=text)
    data = Asset(
        kind=AssetKind.DATA,
        name=text,
        version=text,
        digest="d" * 64,
        reference=text,
        revision=text,
        publisher=text,
        licences=(statement,),
        files=(FileDigest(path=text, sha256="9" * 64, size=1),),
    )
    source = Asset(
        kind=AssetKind.SOURCE,
        name=text,
        version=text,
        digest="e" * 64,
        reference=text,
        revision=text,
        publisher=text,
        licences=(statement,),
        training_data=(TrainingData(name=text, where=text, licences=(statement,)),),
        edges=(Edge(relation=Relation.MERGED, parent=f"source:ref:name:{text}", where=text, study=text),),
        languages=(text,),
        tags=(text,),
        architectures=(text,),
        study=text,
    )
    return ModelFacts(
        name=text,
        version=text,
        task=text,
        inside=text,
        evidence=text,
        labels=(text, "b"),
        description=text,
        verdict=text,
        strategy=text,
        done=text,
        created="2026-05-01",
        maker=text,
        files=(FileDigest(path=text, sha256="8" * 64, size=1),),
        metrics=(
            Measure(name=text, value=Interval(0.5, 0.4, 0.6), slice=text, rows=3, data=text, data_reference=text),
        ),
        lineage=(source, data),
        edges=(
            Edge(relation=Relation.FINE_TUNED, parent=source.identity, where=text, study=text),
            Edge(relation=Relation.TRAINED_ON_DATA, parent=data.identity, where=text, study=text),
        ),
        tested_on=(data.identity,),
        obligations=(Obligation(code=text, text=text, licence=text, clause=text, path=(text,)),),
        licence=text,
        licence_link=text,
        considerations=Considerations(
            users=(text,),
            use_cases=(text,),
            limitations=(text,),
            tradeoffs=(text,),
            fairness=(Fairness(group=text, benefits=text, harms=text, mitigation=text),),
        ),
        languages=(text,),
        tags=(text,),
        training_rows=3,
        fingerprint=text,
        kept_rows=1,
        packages=(Package(name=text, version=text),),
        study=text,
        use=text,
        graft=text,
    )
