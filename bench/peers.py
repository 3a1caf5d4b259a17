"""The peers: what a practitioner would write with the usual libraries, with their defaults."""

import tempfile
import time

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch.utils.data import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
from transformers.data import DataCollatorWithPadding

from graft.representations.sources import resolve_source

DIRECTORY = str(resolve_source("minilm").weights.directory)


class Rows(Dataset):
    """Tokenised rows for the trainer."""

    def __init__(self, texts: list[str], targets: np.ndarray) -> None:
        self._encoded = AutoTokenizer.from_pretrained(DIRECTORY)(texts, truncation=True, max_length=256)
        self._targets = targets

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, row: int) -> dict[str, object]:
        return {name: values[row] for name, values in self._encoded.items()} | {"labels": int(self._targets[row])}


def trainer(
    texts: list[str], targets: np.ndarray, test: tuple[list[str], np.ndarray], *, epochs: int, frozen: bool, rate: float
) -> dict[str, float]:
    """Train with ``transformers.Trainer``: its seconds, steps a second, and accuracy on ``test``."""
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(DIRECTORY, num_labels=int(targets.max()) + 1)
    if frozen:
        for parameter in model.base_model.parameters():
            parameter.requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            learning_rate=rate,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
        )
        collate = DataCollatorWithPadding(AutoTokenizer.from_pretrained(DIRECTORY))
        loop = Trainer(model, arguments, train_dataset=Rows(texts, targets), data_collator=collate)
        started = time.perf_counter()
        loop.train()
        seconds = time.perf_counter() - started
        steps = loop.state.global_step
        predicted = loop.predict(Rows(*test)).predictions.argmax(1)
    return {
        "seconds": seconds,
        "steps_per_second": steps / seconds,
        "accuracy": float((predicted == test[1]).mean()),
        "macro_f1": float(f1_score(test[1], predicted, average="macro")),
    }


def encode_once_and_regress(
    texts: list[str], targets: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """sentence-transformers' default ``encode`` once, scikit-learn's logistic regression on every fold."""
    model = SentenceTransformer(DIRECTORY, device="cpu")
    model.encode(texts[:32])
    started = time.perf_counter()
    vectors = model.encode(texts)
    scores = []
    for train, test in folds:
        head = LogisticRegression(max_iter=1000).fit(vectors[train], targets[train])
        scores.append(f1_score(targets[test], head.predict(vectors[test]), average="macro"))
    return {"seconds": time.perf_counter() - started, "macro_f1": float(np.mean(scores))}
