"""Where a saved model comes from, as plain facts.

Decision: only what is known is said. A licence is what the source states, never what it allows; an unknown fact is an
empty string.
"""

from pydantic import BaseModel, ConfigDict

from graft.core.version import __version__


class Origin(BaseModel):
    """The descent of a saved model.

    study: key of the study that made it. source, source_digest, revision: the pretrained source; empty for a model
    without one. licence: as the source states it, in the reading of governance. done: what was done to it, for example
    "solved a linear head on frozen vectors". data: fingerprint of the rows it learnt from. graft: the version that
    wrote it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    source: str = ""
    source_digest: str = ""
    revision: str = ""
    strategy: str
    licence: str = ""
    done: str
    data: str
    graft: str = __version__
