"""Makes crates/lm/tests/fixtures/deberta-*: small random DeBERTa reward models and what transformers scores with them.

    python -m venv venv && venv/bin/pip install torch transformers safetensors
    venv/bin/python scripts/fixtures_deberta.py

Everything is drawn from fixed seeds; a second run on the same versions writes the same bytes.
"""

import json
import math
from pathlib import Path

import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

FIXTURES = Path(__file__).resolve().parent.parent / "crates/lm/tests/fixtures"
SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
PIECES = ["▁", "▁the", "▁a", "▁sea", "▁is", "▁what", "▁water", "▁warm", "ing", "er", "s", *"abcdefghijklmnopqrstuvwxyzWA.,?!'()[]é"]

# As the public reward models are (share_att_key, buckets, no kinds of text), and what else a config.json can say.
MODELS = {
    "deberta-v3": {"share_att_key": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "pos_att_type": "p2c|c2p", "position_biased_input": False},
    "deberta-own": {
        "share_att_key": False, "position_buckets": 8, "norm_rel_ebd": "none", "pos_att_type": ["c2p", "p2c"], "position_biased_input": True,
        "type_vocab_size": 2, "num_attention_heads": 2, "max_relative_positions": 20,
    },
    "deberta-plain": {"share_att_key": False, "norm_rel_ebd": "layer_norm", "pos_att_type": ["c2p"], "position_biased_input": False, "layer_norm_eps": 1e-5},
}

CONVERSATIONS = [
    [("user", "what is a sea?"), ("assistant", "the sea is water.")],
    [("user", "what is a sea?"), ("assistant", "A wide, warm place!")],
    [("user", "what is a sea?"), ("assistant", "")],
    [("user", ""), ("assistant", "b")],
    [("system", "be kind"), ("user", "a  sea\n\tis?"), ("assistant", "éa Ω b ")],
    [("user", "who?"), ("assistant", "me"), ("user", "and who is he?"), ("assistant", "not you [SEP] (see [CLS]) the [PAD] [")],
    # Beyond the buckets, and longer than any distance that is told apart.
    [("user", "what is the water in the warm sea, and is it warmer"), ("assistant", "the sea is warmer, is it not? " * 2)],
]


def tokenizer(folder):
    vocabulary = [(token, 0.0) for token in SPECIAL] + [(piece, -1.0 - 0.1 * i) for i, piece in enumerate(PIECES)]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    made.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "), normalizers.NFC(), normalizers.Strip(left=False, right=True)])
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")])
    made.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **{k: v for k, v in config.items() if k.endswith("_token")}, split_special_tokens=True)


def model(more, seed):
    config = transformers.DebertaV2Config(**{
        "vocab_size": 64, "hidden_size": 32, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64,
        "relative_attention": True, "num_labels": 1, "type_vocab_size": 0, **more,
    })
    torch.manual_seed(seed)
    made = transformers.DebertaV2ForSequenceClassification(config).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "LayerNorm.weight" in name:
                weight.copy_(1 + 0.2 * torch.randn_like(weight))
            elif weight.ndim == 1:
                weight.copy_(0.3 * torch.randn_like(weight))
            elif "embeddings" in name:
                weight.copy_(torch.randn_like(weight))
            else:
                # Large enough that attention is far from uniform.
                weight.copy_(1.5 / math.sqrt(weight.shape[1]) * torch.randn_like(weight))
    return made


def main():
    for seed, (name, more) in enumerate(MODELS.items(), start=60):
        folder = FIXTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        made = model(more, seed)
        save_file({k: v.contiguous() for k, v in made.state_dict().items()}, folder / "model.safetensors", metadata={"format": "pt"})
        config = {k: v for k, v in made.config.to_dict().items() if k not in ("transformers_version", "_name_or_path")}
        config |= {"architectures": ["DebertaV2ForSequenceClassification"], "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
        (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
        known = tokenizer(folder)
        entries = []
        for conversation in CONVERSATIONS:
            question, answer = "\n".join(text for _, text in conversation[:-1]), conversation[-1][1]
            inputs = known(question, answer, return_tensors="pt", return_token_type_ids=True)
            with torch.no_grad():
                score = made(**inputs).logits[0, 0]
            messages = [{"role": role, "content": content} for role, content in conversation]
            entries.append({"messages": messages, "tokens": inputs["input_ids"][0].tolist(), "score": float(f"{float(score):.9g}")})
        buckets = {}
        for size, longest in [(8, 64), (8, 20), (256, 512), (32, 512)]:
            buckets[f"{size} {longest}"] = make_log_bucket_position(torch.arange(longest + 40), size, longest).long().tolist()
        versions = {"torch": torch.__version__, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
        reference = {"about": "buckets: of distances from 0, by position_buckets and max_relative_positions", "versions": versions, "entries": entries}
        (folder / "reference.json").write_text(json.dumps(reference | {"buckets": buckets if name == "deberta-v3" else {}}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
