"""How a person names a pretrained source.

minilm                      the embedded default text source
lite0                       the embedded default image source
speech                      the embedded default audio source
path:DIR                    a Hugging Face model directory, or one with an ONNX network of pictures
path:FILE.onnx              that file
hf:org/name@revision        a repository of the Hugging Face Hub, pinned
random:REFERENCE            the same architecture with random weights, to test whether pretraining matters
"""

import difflib
import re
from dataclasses import dataclass

from graft.core.errors import SourceError
from graft.representations.embedded import NAMES

_RANDOM = "random:"
_HUB = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+|[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True)
class Reference:
    """A parsed reference.

    kind: the name of an embedded source, ``path`` or ``hf``. location: the directory or the repository. randomised:
    whether the weights are replaced with random ones.

    >>> parse_reference("hf:BAAI/bge-small-en@5c38ec7")
    Reference(kind='hf', location='BAAI/bge-small-en', revision='5c38ec7', randomised=False)
    """

    kind: str
    location: str
    revision: str = ""
    randomised: bool = False

    def __str__(self) -> str:
        """The reference as a person writes it."""
        name = self.kind if self.kind in NAMES else f"{self.kind}:{self.location}"
        name += f"@{self.revision}" if self.revision else ""
        return f"random:{name}" if self.randomised else name


def parse_reference(text: str) -> Reference:
    """Read a reference. Raises SourceError when it names nothing Graft knows."""
    named = text.removeprefix(_RANDOM)
    drawn = text[: len(text) - len(named)]
    found = _named(named, randomised=bool(drawn))
    if found is None:
        raise SourceError(
            f"{text!r} does not name a source",
            needed=f"{', '.join(NAMES)}, path:DIR or hf:org/name@revision",
            fix=_meant(named, drawn),
        )
    return found


def _meant(named: str, drawn: str) -> str:
    folder = f"a folder is {drawn}path:DIR"
    if close := difflib.get_close_matches(named.lower(), NAMES, n=1, cutoff=0.75):
        return f"did you mean {drawn}{close[0]}? {folder}"
    if named.startswith(("path:", "hf:")):
        return f"a repository of the Hub is {drawn}hf:org/name or {drawn}hf:org/name@revision; {folder}"
    return (
        f"if {named!r} is a folder, write {drawn}path:{named}; "
        f"if it is a repository of the Hub, write {drawn}hf:{named}@revision"
    )


def _named(text: str, *, randomised: bool) -> Reference | None:
    kind, _, location = text.partition(":")
    if text in NAMES:
        return Reference(text, "", randomised=randomised)
    if kind == "path" and location:
        return Reference("path", location, randomised=randomised)
    match = _HUB.fullmatch(location) if kind == "hf" else None
    return None if match is None else Reference("hf", match["repository"], match["revision"] or "", randomised)
