"""The demo questions are what their description says: balanced, all different, and told apart by meaning."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from graft.demo import questions
from graft.inputs import find_duplicates
from graft.rows import read_frame


@pytest.fixture(scope="module")
def frame():
    return read_frame(questions()).frame


def test_ten_topics_of_twenty_different_questions(frame):
    assert frame.columns == ["id", "question", "topic"]
    assert frame["id"].to_list() == [f"Q-{number:03d}" for number in range(1, 201)]
    assert sorted(frame["topic"].value_counts()["count"].to_list()) == [20] * 10
    groups = find_duplicates(frame["question"].to_list()).groups
    assert len(np.unique(groups)) == 200
    assert (frame["topic"].head(20).n_unique()) > 5, "shuffled"


def test_words_alone_carry_little(frame):
    texts, topics = frame["question"].to_list(), frame["topic"].to_list()
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(max_iter=1000))
    with threadpool_limits(1):
        said = cross_val_predict(model, texts, topics, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    assert 0.1 < f1_score(topics, said, average="macro") < 0.4
