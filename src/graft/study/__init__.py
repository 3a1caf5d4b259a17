"""The study: does reuse help on these rows, and which model should ship."""

from graft.study.record import StudyRecord
from graft.study.running import StudyResult, run_study
from graft.study.settings import StudySettings, make_settings

__all__ = ["StudyRecord", "StudyResult", "StudySettings", "make_settings", "run_study"]
