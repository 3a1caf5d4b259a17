"""Reading a pickle in a process of its own, and what came of it.

Decisions: the process gets the open file, never a name; its answer is checked, because what it read was not ours.
"""

import io
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from graft.representations.apart.running import Broken, Limits, run_apart
from graft.representations.weights.pickle_scan import refused

# Run, never imported: what it imports is the business of its own process.
CHILD = Path(__file__).with_name("pickle_child.py")
WEIGHTS = "model.safetensors"  # what the process writes
_MORE = "if you trust its size, give it more memory or time; else ask for safetensors"


class Report(BaseModel):
    """The answer of the process; see ``converting.Conversion`` for its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    refused: str = ""
    unwrapped: list[str] = []
    prefix: str = ""
    shared: list[str] = []
    left_out: list[str] = []
    tensors: int = 0
    numbers: int = 0


def read_apart(stream: io.BufferedReader, pickle: Path, place: Path, *, memory_limit: int, seconds: float) -> Report:
    """Let a process of its own read the open file ``stream`` and write the weights into the folder ``place``.

    pickle: the name of the file, for the message. memory_limit: bytes. seconds: until it is killed.
    Raises SourceError with what went wrong.
    """
    try:
        answer = run_apart(
            str(CHILD),
            {"descriptor": stream.fileno()},
            place,
            limits=Limits(memory_limit, seconds, seconds),
            packages=("torch", "safetensors"),
            descriptors=(stream.fileno(),),
        )
        report = Report.model_validate_json(answer)
    except Broken as error:
        raise (refused(pickle, error.why, fix=_MORE) if error.more else refused(pickle, error.why)) from error
    except ValidationError as error:
        raise refused(pickle, "the process that read it gave no answer") from error
    if report.refused:
        raise refused(pickle, "".join(mark if mark.isprintable() else "?" for mark in report.refused))
    return report
