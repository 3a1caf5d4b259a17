"""SetFit with its own defaults, in an environment of its own: see ``bench.few_labels``, which starts this file.

It reads one JSON object from its input (``model``: a directory, ``texts``, ``labels``, ``test``, ``iterations``) and
prints one: the label of every test row, the seconds of training and of predicting, and the steps that were trained. The
pairs are those of the paper and of the library's own scripts: 20 of each sort a row, one pass, 16 a step.
"""

import json
import sys
import time


def main() -> None:
    import torch
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    asked = json.load(sys.stdin)
    torch.manual_seed(0)
    model = SetFitModel.from_pretrained(asked["model"], device="cpu", labels=sorted(set(asked["labels"])))
    arguments = TrainingArguments(
        num_iterations=asked["iterations"], num_epochs=1, batch_size=16, report_to="none", save_strategy="no",
        logging_strategy="no", show_progress_bar=False, output_dir=asked["folder"],
    )  # fmt: skip
    rows = Dataset.from_dict({"text": asked["texts"], "label": asked["labels"]})
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    started = time.perf_counter()
    trainer.train()
    learnt = time.perf_counter()
    said = [str(one) for one in model.predict(asked["test"])]
    ended = time.perf_counter()
    steps = -(-len(asked["texts"]) * asked["iterations"] * 2 // 16)
    found = {"said": said, "fit_seconds": learnt - started, "predict_seconds": ended - learnt, "steps": steps}
    sys.stdout.write("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
