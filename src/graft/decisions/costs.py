"""What each kind of error costs, in the user's own unit.

Decisions: a table over (true, decided), because a missed phishing mail and a false alarm are not the same error; 0 on
the diagonal and 1 elsewhere unless said otherwise, so the default asks for the most probable class. Abstaining is one
more decision with a cost per true class. Labels (multilabel) use the extra name "none": (invoice, none) is a missed
label, (none, invoice) a false alarm. ``*`` stands for every class; the most exact entry wins. A misspelt class is an
error with the nearest name, because a cost that is silently ignored is worse than none.
"""

import csv
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from graft.core import foreign
from graft.core.errors import InputError
from graft.core.yaml_file import read_yaml

# A table of a thousand classes in full.
_CSV_LIMIT = 64 << 20
ABSTAIN, ANY, NONE = "abstain", "*", "none"
MOST_IN_FULL = 12
_TEMPLATE = "graft costs template FILE --label LABEL writes one with every name to fill in"


class CostTable(BaseModel):
    """Costs per row: cost[true][decided] over ``labels``, and of abstaining per true class.

    unit: what the numbers are, e.g. "EUR". abstain: one cost per true class, or None when abstaining is not allowed.

    >>> CostTable.default(("spam", "ham")).matrix.tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unit: str
    labels: tuple[str, ...]
    cost: tuple[tuple[float, ...], ...]
    abstain: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> "CostTable":
        size = len(self.labels)
        if size < 2 or len(self.cost) != size or any(len(row) != size for row in self.cost):
            raise ValueError(f"costs of {len(self.cost)} rows for {size} labels: needed a square over two or more")
        if self.abstain is not None and len(self.abstain) != size:
            raise ValueError(f"{len(self.abstain)} costs of abstaining for {size} labels")
        if self.matrix.min() < 0 or (self.abstain is not None and min(self.abstain) < 0):
            raise ValueError("a negative cost: needed 0 or more")
        return self

    @classmethod
    def default(cls, labels: Sequence[str], *, task: str = "multiclass") -> "CostTable":
        """Every error costs 1, abstaining is not allowed."""
        return costs_from_mapping({}, labels, task=task)

    @property
    def matrix(self) -> np.ndarray:
        """cost[true, decided], shape (labels, labels)."""
        return np.array(self.cost, dtype=np.float64)

    @property
    def actions(self) -> np.ndarray:
        """cost[true, action], shape (labels, labels + 1 if abstaining is allowed)."""
        return self.matrix if self.abstain is None else np.column_stack([self.matrix, np.array(self.abstain)])


def costs_from_mapping(document: Mapping[str, object], labels: Sequence[str], *, task: str = "multiclass") -> CostTable:
    """A table from {unit, default, abstain, costs: {true: {decided: cost}}}; everything is optional.

    labels: the class or label names, in the order of the scores. task: "multilabel" adds the name "none".

    >>> document = {"unit": "EUR", "abstain": 2, "costs": {"phishing": {"ham": 50}}}
    >>> table = costs_from_mapping(document, ("ham", "phishing"))
    >>> table.cost, table.abstain
    (((0.0, 1.0), (50.0, 0.0)), (2.0, 2.0))
    """
    if unknown := [key for key in document if key not in ("unit", "default", "abstain", "costs")]:
        raise InputError(
            f"the key {unknown[0]!r} in the cost table",
            needed="unit, default, abstain or costs",
            fix=_near(unknown[0], ("unit", "default", "abstain", "costs")) or _TEMPLATE,
        )
    entries: dict[tuple[str, str], float] = {}
    for true, row in _mapping(document.get("costs", {}), "costs").items():
        for decided, cost in _mapping(row, f"costs of {true}").items():
            entries[true, decided] = _amount(cost, f"the cost of deciding {decided} when it is {true}")
    if (abstain := document.get("abstain")) not in (None, "", "null", "~"):
        for true, cost in (abstain if isinstance(abstain, Mapping) else {ANY: abstain}).items():
            entries[str(true), ABSTAIN] = _amount(cost, f"the cost of abstaining when it is {true}")
    default = _amount(document.get("default", 1), "the default cost")
    return _table(entries, labels, unit=str(document.get("unit", "errors")), default=default, task=task)


def costs_template(labels: Sequence[str], *, task: str = "multiclass") -> str:
    """A cost table in YAML with every name of ``labels`` in it, in which every error costs 1 and abstaining is off.

    Up to MOST_IN_FULL classes are written against one another; of more, each has one line. Raises InputError for a name
    that has a meaning of its own in cost tables.

    >>> print(costs_template(("urgent", "no: later"), task="multilabel"))
    # What each kind of error costs. Every key may be left out; lines that begin with # say nothing.
    unit: EUR
    # What is not said below costs this much; being right costs 0.
    default: 1
    costs:
      # A label that was missed: {label: {none: cost}}
      "urgent": {none: 1}
      "no: later": {none: 1}
      # A label that was given falsely: {none: {label: cost}}
      none: {"urgent": 1, "no: later": 1}
    <BLANKLINE>
    """
    _require_free([str(label) for label in labels], task)
    names = [json.dumps(str(label), ensure_ascii=False) for label in labels]
    lines = [
        "# What each kind of error costs. Every key may be left out; lines that begin with # say nothing.",
        "unit: EUR",
        "# What is not said below costs this much; being right costs 0.",
        "default: 1",
    ]
    if task == "multilabel":
        lines += ["costs:", "  # A label that was missed: {label: {none: cost}}"]
        lines += [f"  {name}: {{none: 1}}" for name in names]
        lines += ["  # A label that was given falsely: {none: {label: cost}}"]
        lines += [f"  none: {{{', '.join(f'{name}: 1' for name in names)}}}"]
    else:
        lines += [
            "# Without the # abstaining is allowed: a row is left to a person where that is expected to cost less.",
            "# abstain: 0.5",
            "costs:",
            "  # {what it is: {what was decided: cost}}; * stands for every class that has no entry of its own",
        ]
        for name in names:
            others = [other for other in names if other != name] if len(names) <= MOST_IN_FULL else ['"*"']
            lines.append(f"  {name}: {{{', '.join(f'{other}: 1' for other in others)}}}")
    return "\n".join(lines) + "\n"


def load_costs(
    path: str | Path, labels: Sequence[str], *, unit: str | None = None, task: str = "multiclass"
) -> CostTable:
    """Read a cost table from CSV (columns true, decided, cost; decided may be "abstain") or YAML.

    labels: the class or label names, in the order of the scores. unit: overrides the file's; a CSV has none of its
    own. Raises InputError for unknown names, negative or missing numbers, and files that cannot be read.
    """
    file = Path(path)
    nested = file.suffix.lower() in (".yaml", ".yml")
    if nested:
        document = read_yaml(
            file,
            what="a cost table",
            fix="write unit, default, abstain and costs: {true class: {decided class: cost}}",
        )
        table = costs_from_mapping(_mapping(document or {}, str(file)), labels, task=task)
    elif file.suffix.lower() == ".csv":
        text = foreign.read_text(file, limit=_CSV_LIMIT)
        table = _table(_csv_entries(text, file), labels, unit="errors", default=1.0, task=task)
    else:
        raise InputError(
            f"the cost table {file}",
            needed="a file that ends in .csv, .yaml or .yml",
            fix=f"give it the ending of what it holds; {_TEMPLATE}",
        )
    return table if unit is None else table.model_copy(update={"unit": unit})


def _csv_entries(text: str, file: Path) -> dict[tuple[str, str], float]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    columns = [str(name).strip().lower() for name in reader.fieldnames or ()]
    if columns[:3] != ["true", "decided", "cost"]:
        raise InputError(
            f"the columns {', '.join(columns) or '(none)'} in {file}",
            needed="true,decided,cost",
            fix=f"write these three names in its first line, with commas; {_TEMPLATE}",
        )
    reader.fieldnames = columns
    entries: dict[tuple[str, str], float] = {}
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"{file} cannot be read as CSV: {error}", needed="true,decided,cost", fix=_TEMPLATE) from error
    for line, row in enumerate(rows, start=2):
        pair = ((row["true"] or "").strip(), (row["decided"] or "").strip())
        if pair in entries:
            raise InputError(
                f"{pair[0]},{pair[1]} twice, again on line {line} of {file}",
                needed="one cost per pair",
                fix="remove one of the two lines",
            )
        entries[pair] = _amount(row["cost"], f"the cost on line {line} of {file}")
    return entries


def _table(
    entries: Mapping[tuple[str, str], float], labels: Sequence[str], *, unit: str, default: float, task: str
) -> CostTable:
    """Resolve names and stars into the full table."""
    names = tuple(str(label) for label in labels)
    if entries:
        _require_free(names, task)
    names = (NONE, *names) if task == "multilabel" else names
    entries = {(_meant(true, names), _meant(said, names)): cost for (true, said), cost in entries.items()}
    for true, decided in entries:
        _known(true, (*names, ANY), "true class")
        _known(decided, (*names, ANY, ABSTAIN), "decision")
        if task == "multilabel" and decided == ABSTAIN:
            raise InputError(
                "a cost of abstaining for labels",
                needed="costs of missed labels and of false alarms: each label is decided for itself",
                fix="take abstain out of the cost table",
            )

    def cost(true: str, decided: str, otherwise: float | None) -> float | None:
        for pair in ((true, decided), (true, ANY), (ANY, decided), (ANY, ANY)):
            stars_over_right = ANY in pair and true == decided
            stars_over_abstain = pair[1] == ANY and decided == ABSTAIN
            if pair in entries and not stars_over_right and not stars_over_abstain:
                return entries[pair]
        return otherwise

    matrix = tuple(
        tuple(float(cost(true, said, 0.0 if true == said else default) or 0.0) for said in names) for true in names
    )
    _require_right_cheapest(matrix, names)
    if not any(decided == ABSTAIN for _, decided in entries):
        return CostTable(unit=unit, labels=names, cost=matrix)
    abstain = [cost(true, ABSTAIN, None) for true in names]
    if missing := [name for name, value in zip(names, abstain, strict=True) if value is None]:
        raise InputError(
            f"no cost of abstaining when it is {missing[0]}",
            needed="one for every class",
            fix="add the row *,abstain,COST",
        )
    return CostTable(unit=unit, labels=names, cost=matrix, abstain=tuple(float(one or 0.0) for one in abstain))


def _require_free(names: Sequence[str], task: str) -> None:
    """Raise InputError for a class whose name means something else in cost tables."""
    reserved = {ABSTAIN, ANY} | ({NONE} if task == "multilabel" else set())
    if taken := reserved & set(names):
        raise InputError(
            f"a cost table for a class named {sorted(taken)[0]!r}",
            needed="another name of the class: this one has a meaning in cost tables",
            fix="rename the class in the rows, or leave the cost table out",
        )


def _require_right_cheapest(matrix: Sequence[Sequence[float]], names: Sequence[str]) -> None:
    """Raise InputError where being right costs more than being wrong."""
    for place, row in enumerate(matrix):
        least = min(range(len(row)), key=row.__getitem__)
        if row[place] > row[least]:
            true, said = names[place], names[least]
            raise InputError(
                f"deciding {true} when it is {true} costs {row[place]:g}, and deciding {said} only {row[least]:g}",
                needed="a right decision that costs no more than a wrong one",
                fix="the table is costs: {true class: {decided class: cost}}: were the two exchanged?",
            )


def _meant(name: str, names: Sequence[str]) -> str:
    """Booleans are one class however written: ``True`` is the class ``true``."""
    return name.lower() if name not in names and name.lower() in ("true", "false") else name


def _known(name: str, names: Sequence[str], what: str) -> None:
    if name not in names:
        raise InputError(
            f"the {what} {name!r} in the cost table",
            needed=f"one of {', '.join(names)}",
            fix=_near(name, names) or _TEMPLATE,
        )


def _near(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""


def _mapping(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise InputError(f"{what}: {value!r}", needed="names with values, like {phishing: {ham: 50}}", fix=_TEMPLATE)
    return {str(key): inner for key, inner in value.items()}


def _amount(value: object, what: str) -> float:
    try:
        amount = float(str(value))
    except ValueError:
        amount = float("nan")
    if not (np.isfinite(amount) and amount >= 0) or isinstance(value, bool):
        raise InputError(f"{what}: {value!r}", needed="a number, 0 or more", fix="write it with a point, as 12.5")
    return amount
