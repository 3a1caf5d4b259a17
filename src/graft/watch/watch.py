"""The watch that ``import graft`` hands out: what ``graft watch`` does, with records for answers.

Decision: a bundle and a recommender's shop are watched by the same words; what belongs to only one of them is refused
for the other, by name, before anything is read.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graft.bundle.bundle import Bundle
from graft.bundle.folders import settled
from graft.bundle.loading import load_bundle
from graft.core.display import as_progress
from graft.core.errors import InputError
from graft.core.places import SHOP, place_of
from graft.core.progress import Progress
from graft.core.several import Names, several
from graft.facts.watch import LabelledEstimate, WatchBacktest, WatchBaseline, WatchCheck, WatchStory
from graft.watch.baseline import DRAWS, LEVEL, RUNS, make_baseline, watch_folder, write_baseline

if TYPE_CHECKING:
    from graft.representations.cache import ActivationCache
    from graft.tables.erasure.receipt import Receipt
    from graft.watch.row_times import RowTimes
    from graft.watch.sample import Sample
    from graft.watch.shop_batch import FeedbackReading


class Watch:
    """Has what a model sees gone stale, does that hurt, and what to do: of a bundle, or of a recommender's shop.

    watch = graft.Watch("study/bundle")
    watch.baseline(reference)
    found = watch.check(today)
    found.outcome, found.advice[0].action

    model: the folder of a bundle or of a shop, or a bundle that is loaded. Rows, events and labels may be files,
    frames of polars or pandas, or lists of mappings. What is remembered lies in ``folder``, beside the model.
    """

    def __init__(self, model: Bundle | Path | str) -> None:
        self.model = model.folder if isinstance(model, Bundle) else Path(model)
        self._loaded = model if isinstance(model, Bundle) else None

    @property
    def folder(self) -> Path:
        """Where its baseline and its checks are kept."""
        return watch_folder(self.model)

    @cached_property
    def of_shop(self) -> bool:
        """Whether it is the watch of a recommender's shop, by the files of the folder."""
        found = place_of(settled(self.model))
        return found is not None and found.kind == SHOP

    @cached_property
    def bundle(self) -> Bundle:
        """The bundle, verified when it is first asked for. Raises BundleError, for a shop too."""
        return self._loaded if self._loaded is not None else load_bundle(self.model)

    def baseline(
        self,
        rows: Any = None,
        *,
        group: str = "",
        segments: Names = (),
        allowed: Names = (),
        reading: "FeedbackReading | None" = None,
        batch: int | None = None,
        level: float = LEVEL,
        runs: int = RUNS,
        draws: int | None = None,
        seed: int = 0,
        progress: Progress | bool = False,
    ) -> WatchBaseline:
        """Take rows, or events of a shop, as the reference; what every detector is worth on them.

        rows: like those the model is for, with labels where they are known; events of a shop, its own newest ones when
        None. group: the column of what belongs together; of a shop it is the user. segments: columns whose values are
        looked at apart. allowed: columns whose mix may change; of a shop also ``weekday``. reading: how events of a
        shop are read. batch: rows of a usual batch. level: how often a whole check may alarm without drift. runs:
        splits without drift on which that is counted. draws: of a check; 999 for rows, 2,999 for events, when None. An
        earlier baseline is replaced. Raises
        InputError for too few rows, and for what only the other kind of model has.
        """
        if self.of_shop:
            from graft.watch import shop

            self._refuse({"group": group})
            made = shop.make_shop_baseline(
                self.model, rows, reading=reading, segments=segments, allowed=allowed, batch=batch, level=level,
                runs=runs, draws=draws or shop.DRAWS, seed=seed, progress=as_progress(progress),
            )  # fmt: skip
            shop.write_shop_baseline(self.model, made)
            return made.facts
        self._refuse({"reading": reading})
        if rows is None:
            raise InputError(
                f"no rows for {self.model}", needed="rows like those the model is for", fix="baseline(rows)"
            )
        reference = make_baseline(
            self.bundle, rows, group=group, segments=several(segments), allowed=several(allowed), batch=batch,
            level=level, runs=runs, draws=draws or DRAWS, seed=seed, progress=as_progress(progress),
        )  # fmt: skip
        write_baseline(self.folder / "baseline", reference)
        return reference.facts

    def check(
        self,
        rows: Any,
        *,
        labels: Any | None = None,
        group: str = "",
        times: "RowTimes | None" = None,
        reading: "FeedbackReading | None" = None,
        dealt_with: str = "",
        by: str = "",
        progress: Progress | bool = False,
    ) -> WatchCheck:
        """Compare a batch with the baseline, and remember what was found; the same rows again are one check.

        rows: a batch, or events of a shop. labels: a table of ids and labels for rows of this batch. times: which
        columns say when rows were decided, labels told and vectors made, as ``RowTimes`` of ``graft.watch.row_times``;
        then only labels count that had time to come, of rows of earlier checks too. group, reading: as in the baseline
        when left out. dealt_with: what was done about what was found before, and by: who says so; then bets and looks
        begin anew. Raises InputError without a baseline, or where it is of another model.
        """
        if self.of_shop:
            from graft.watch.shop import check_shop

            self._refuse({"labels": labels, "group": group, "times": times})
            return check_shop(
                self.model, rows, reading=reading, dealt_with=dealt_with, by=by, progress=as_progress(progress)
            )
        self._refuse({"reading": reading})
        from graft.watch.check import check_batch

        return check_batch(
            self.bundle,
            rows,
            labels=labels,
            group=group,
            times=times,
            dealt_with=dealt_with,
            by=by,
            progress=as_progress(progress),
        )

    def sample(
        self, rows: Any, n: int = 50, *, group: str = "", seed: int = 0, progress: Progress | bool = False
    ) -> "Sample":
        """Draw n rows of a batch to label, with known chances; ``.frame()`` is the table to fill in."""
        from graft.watch.sample import draw_sample

        return draw_sample(self.bundle, rows, n, group=group, seed=seed, progress=as_progress(progress))

    def estimate(self, sample: "Sample", labels: Any) -> LabelledEstimate:
        """How good the model is on the whole batch, from a sample whose table was filled in."""
        from graft.watch.sample import estimate_sample

        return estimate_sample(self.bundle, sample, labels)

    def backtest(
        self,
        rows: Any,
        *,
        batch: int = 150,
        start: int | None = None,
        delay: int = 1,
        group: str = "",
        seed: int = 0,
        progress: Progress | bool = False,
    ) -> WatchBacktest:
        """What following the advice would have been worth on labelled history, beside doing nothing and always
        learning anew.

        rows: in their order, or with a column of times. batch: rows of one. start: rows of the first reference. delay:
        batches until labels are known. Nothing is remembered.
        """
        from graft.watch.backtest import backtest

        return backtest(
            self.bundle,
            rows,
            batch=batch,
            start=start,
            delay=delay,
            group=group,
            seed=seed,
            progress=as_progress(progress),
        )

    @property
    def story(self) -> WatchStory:
        """The baseline with all checks, oldest first; of many only the newest are whole."""
        from graft.watch.story import watch_story

        return watch_story(self.model)

    def erase(
        self,
        ids: Names = (),
        *,
        groups: Names = (),
        rows: Any | None = None,
        by: str,
        reason: str = "",
        cache: "ActivationCache | None" = None,
    ) -> "Receipt":
        """Erase rows from all that is remembered, with a receipt: vectors, ids, digests and names in checks.

        ids: of rows. groups: of what rows belong together, such as customers. rows: erased by what they say, wherever
        they stand; one of the three. by, reason: who asks, and why, for the receipt. cache: the activation cache in
        use, the default one when None. The same call continues an erasure that was cut off. Numbers over many rows
        stay, as the receipt says. Raises InputError for a shop: ``erase_users`` reaches its watch.
        """
        from graft.bundle.watch_erasure import erase_watched

        if self.of_shop:
            raise InputError(
                f"{self.model} is a shop", needed="its users, who leave shop and watch at once",
                fix=f"graft recommend erase {self.model} --user USER",
            )  # fmt: skip
        given = [name for name, one in (("ids", several(ids)), ("groups", several(groups))) if one]
        given += ["rows"] if rows is not None else []
        if len(given) != 1:
            raise InputError(
                " and ".join(given) or "nothing to erase", needed="one of ids, groups and rows",
                fix="erase one after the other",
            )  # fmt: skip
        if not (self.folder).is_dir():
            raise InputError(f"{self.model} is not watched", needed=f"its watch, {self.folder}", fix="nothing is kept")
        names, digests = several(ids) or several(groups), frozenset[bytes]()
        if rows is not None:
            names, digests = self._said(rows)
        return erase_watched(
            self.folder, names, of="group" if "groups" in given else "row", digests=digests, by=by, reason=reason,
            cache=cache,
        )  # fmt: skip

    def _said(self, rows: Any) -> tuple[tuple[str, ...], frozenset[bytes]]:
        """The ids of rows, where they have a column of ids, and the digests of what they say."""
        from graft.inputs.dataset import build_dataset
        from graft.rows.table import Table, read_frame

        table = rows if isinstance(rows, Table) else read_frame(rows, empty=True)
        data, _ = build_dataset(table, self.bundle.contract, labelled=False)
        digests = frozenset(data.digests)
        if not table.names_rows(self.bundle.contract.roles.id):
            # A row number of one file means another row in the next.
            return tuple(sorted(one.hex() for one in digests)), digests
        return tuple(map(str, data.ids)), digests

    def _refuse(self, given: dict[str, Any]) -> None:
        """Raise InputError for what the other kind of model has."""
        for name, value in given.items():
            # A frame is compared cell by cell: only what names something may be empty.
            if value is not None and not (isinstance(value, str | tuple) and not value):
                kind = "a shop of graft recommend" if self.of_shop else "a bundle"
                raise InputError(
                    f"{name} for {self.model}, which is {kind}", needed="a watch without it", fix="leave it out"
                )
