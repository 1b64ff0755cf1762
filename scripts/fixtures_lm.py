"""Makes the fixtures of crates/lm/tests/fixtures with PyTorch, transformers and peft.

    python -m venv venv && venv/bin/pip install torch transformers peft safetensors gguf sentencepiece
    venv/bin/python scripts/fixtures_lm.py tiny                  # tiny-*/, a family of models each: log-probabilities, gradients, AdamW; yarn.json
    venv/bin/python scripts/fixtures_lm.py rewards               # reward-*/, a reward model of each family: scores of conversations
    venv/bin/python scripts/fixtures_lm.py kernels               # kernels.safetensors: what each kernel must compute, and its gradients
    venv/bin/python scripts/fixtures_lm.py gguf                  # import/: small GGUF files and what they must become
    venv/bin/python scripts/fixtures_lm.py tokenizer MODEL       # smollm2-tokens.json, from the imported model folder
    venv/bin/python scripts/fixtures_lm.py reference MODEL FILE  # smollm2.json: its log-probabilities and greedy texts

What bf16 changes is scripts/fixtures_bf16.py's. Everything is drawn from fixed seeds; a second run on the same versions writes the same bytes. Versions used: see the `versions`
entry of each reference.json.
"""

import argparse
import json
import math
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "crates/lm/tests/fixtures"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPLIT = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def versions():
    import peft, tokenizers, torch, transformers

    return {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__, "tokenizers": tokenizers.__version__}


def rounded(values):
    """f32 values with all the digits that tell them apart."""
    return [float(f"{float(v):.9g}") for v in values]


# ---------------------------------------------------------------------------------------------------------------- tiny models


def tiny_tokenizer(folder, vocabulary=64):
    """A BPE of single characters with three special tokens, enough to open the folder."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    characters = "ĊĠabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,?!'"
    tokens = (special + list(characters))[:vocabulary]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {"bos_token": special[1], "eos_token": special[2], "chat_template": CHAT_TEMPLATE, "tokenizer_class": "PreTrainedTokenizerFast"},
    )


# Of each family: its class in transformers, theta, tied, rope as config.json on the hub has it, what else it has there, layers with LoRA, seed. Texts have
# up to 16 tokens: waves beyond the context of 16 that Llama 3's rope is scaled from are stretched, and LongRoPE's short factors count.
FAMILIES = {
    "tiny-tied": ("Llama", 10_000.0, True, None, {}, SPLIT, 21),
    "tiny-untied": ("Llama", 500_000.0, False, None, {}, SPLIT, 20),
    "tiny-llama3": ("Llama", 500.0, True, {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16,
    }, {}, SPLIT, 22),
    "tiny-linear": ("Llama", 10_000.0, False, {"rope_type": "linear", "factor": 4.0}, {}, SPLIT, 23),
    "tiny-mistral": ("Mistral", 1_000_000.0, False, None, {"sliding_window": None}, SPLIT, 24),
    "tiny-qwen2": ("Qwen2", 1_000_000.0, True, None, {"use_sliding_window": False, "sliding_window": 32, "max_window_layers": 2}, SPLIT, 25),
    "tiny-qwen3": ("Qwen3", 1_000_000.0, True, None, {
        "attention_bias": False, "use_sliding_window": False, "sliding_window": None, "max_window_layers": 2,
    }, SPLIT, 26),
    # Texts go beyond the 8 positions that this one was made for before it was scaled; its first waves are kept, its last ones stretched.
    "tiny-yarn": ("Qwen2", 100.0, False, {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "beta_fast": 1.2, "beta_slow": 0.1}, {
        "use_sliding_window": False, "sliding_window": 32, "max_window_layers": 2,
    }, SPLIT, 27),
    "tiny-phi3": ("Phi3", 10_000.0, False, {"type": "longrope", "short_factor": [1.0, 1.3, 2.5], "long_factor": [1.0, 4.0, 9.0]}, {
        "original_max_position_embeddings": 32, "partial_rotary_factor": 0.75, "sliding_window": 48,
    }, ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"], 30),
    # The same families in other shapes: heads that together are wider or narrower than the model, as many of keys as of queries, the other kind of head.
    "tiny-qwen2-untied": ("Qwen2", 1_000_000.0, False, None, {
        "use_sliding_window": False, "sliding_window": 32, "max_window_layers": 2, "num_key_value_heads": 4,
    }, SPLIT, 31),
    "tiny-qwen3-wide": ("Qwen3", 1_000_000.0, False, None, {
        "attention_bias": False, "use_sliding_window": False, "sliding_window": None, "max_window_layers": 2, "head_dim": 16,
    }, SPLIT, 32),
    "tiny-mistral-narrow": ("Mistral", 1_000_000.0, True, None, {"sliding_window": None, "head_dim": 6}, SPLIT, 33),
    "tiny-phi3-tied": ("Phi3", 10_000.0, True, None, {
        "original_max_position_embeddings": 64, "sliding_window": 80, "num_key_value_heads": 4,
    }, ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"], 34),
}


def tiny_model(name, head="CausalLM", **config_of_head):
    import torch
    import transformers

    family, theta, tied, scaling, more, _, seed = FAMILIES[name]
    rope = {"rope_type": "default", **(scaling or {}), "rope_theta": theta}
    rope["rope_type"] = rope.pop("type", rope["rope_type"])
    more = dict(more)
    for key in ("original_max_position_embeddings", "partial_rotary_factor"):
        if key in more:
            rope[key] = more[key]
    config = getattr(transformers, f"{family}Config")(
        vocab_size=64, hidden_size=32, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=64, rms_norm_eps=1e-5, rope_parameters=rope,
        tie_word_embeddings=tied, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
        **{"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0, **more, **config_of_head},
    )
    torch.manual_seed(seed)
    model = getattr(transformers, f"{family}For{head}")(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(".bias"):
                weight.copy_(0.5 * torch.randn_like(weight))
            elif weight.ndim == 1:
                weight.copy_(1 + 0.2 * torch.randn_like(weight))
            elif "embed" in name:
                weight.copy_(0.5 * torch.randn_like(weight))
            else:
                # Large enough that attention and logits are far from uniform.
                weight.copy_(1.5 / math.sqrt(weight.shape[1]) * torch.randn_like(weight))
    return model


CONVERSATIONS = [
    [("user", "what is a sea?"), ("assistant", "water.")],
    [("user", "what is a sea?"), ("assistant", "A wide, warm place!")],
    [("user", "what is a sea?"), ("assistant", "")],
    [("user", "who?"), ("assistant", "me")],
    [("user", "who?"), ("assistant", "nobody")],
    [("system", "be kind"), ("user", "a"), ("assistant", "b")],
]


def reward_model(name):
    import torch
    from safetensors.torch import save_file
    from transformers import AutoTokenizer

    source, folder = f"tiny-{name}", FIXTURES / f"reward-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    # A text of the third family ends with the token for padding, which is not scored.
    padding = 2 if name == "qwen3" else 0
    model = tiny_model(source, "SequenceClassification", num_labels=1, pad_token_id=padding)
    with torch.no_grad():
        model.score.weight.copy_(torch.randn(model.score.weight.shape))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((FIXTURES / source / "config.json").read_text())
    config |= {"architectures": [type(model).__name__], "id2label": {"0": "LABEL_0"}, "pad_token_id": padding}
    write_json(folder / "config.json", config)
    tiny_tokenizer(folder)
    if name == "qwen3":
        path = folder / "tokenizer_config.json"
        write_json(path, json.loads(path.read_text()) | {"chat_template": CHAT_TEMPLATE.replace("'<|im_end|>' + '\\n'", "'<|im_end|>'")})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    entries = []
    for conversation in CONVERSATIONS:
        messages = [{"role": role, "content": content} for role, content in conversation]
        tokens = tokenizer.apply_chat_template(messages, return_dict=False)
        if len(tokens) > config.get("original_max_position_embeddings", 64):
            continue
        with torch.no_grad():
            score = model(torch.tensor([tokens])).logits[0, 0]
        entries.append({"messages": messages, "tokens": tokens, "score": rounded([score])[0]})
    pairs = [[0, 1], [3, 4]] if name != "phi3" else [[0, 1]]
    loss = preference(folder, model, FAMILIES[source][5], [[entries[i]["tokens"] for i in pair] for pair in pairs], padding)
    write_json(folder / "reference.json", {"versions": versions(), "entries": entries, "pairs": pairs, "loss": loss})


def preference(folder, model, targets, pairs, padding):
    """Bradley and Terry's loss of pairs of conversations, chosen and rejected, and its gradient at an adapter and at the score's weight."""
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(50)
    lora = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, bias="none"))
    with torch.no_grad():
        for key, weight in lora.named_parameters():
            if "lora_" in key:
                weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
    lora.save_pretrained(folder / "adapter")
    (folder / "adapter/README.md").unlink(missing_ok=True)
    clean_adapter_config(folder / "adapter/adapter_config.json", targets)
    score = lora.base_model.model.score.weight.requires_grad_()
    value = lambda tokens: lora(torch.tensor([tokens])).logits[0, 0]
    margins = torch.stack([value(chosen) - value(rejected) for chosen, rejected in pairs])
    loss = -torch.nn.functional.logsigmoid(margins).mean()
    loss.backward()
    trained = {k.replace(".default", ""): v.grad.clone() for k, v in lora.named_parameters() if "lora_" in k}
    save_file({**trained, "score.weight": score.grad.clone()}, folder / "gradients.safetensors")
    return rounded([loss])[0]


def log_probs(model, prompt, completion, temperature):
    """Log-probability of each token of the completion under softmax(logits / temperature)."""
    import torch

    logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].float()
    return torch.log_softmax(logits / temperature, -1).gather(1, torch.tensor(completion)[:, None])[:, 0]


def tiny_pairs(generator):
    """Pairs of prompt and completion, those with a common prompt side by side; a weight for each token."""
    import torch

    pairs = []
    for prompt_length, lengths in [(5, [4, 7, 1]), (9, [6]), (1, [3, 8])]:
        prompt = torch.randint(64, (prompt_length,), generator=generator).tolist()
        for length in lengths:
            completion = torch.randint(64, (length,), generator=generator).tolist()
            weights = rounded(torch.randn(length, generator=generator))
            pairs.append({"prompt": prompt, "completion": completion, "weights": weights})
    return pairs


def tiny(name):
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file

    folder = FIXTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    family, theta, tied, scaling, more, targets, seed = FAMILIES[name]
    model = tiny_model(name)
    weights = {k: v.contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        k: getattr(model.config, k)
        for k in [
            "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "head_dim", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id", "hidden_act",
        ]
    }
    if family == "Phi3":
        # As published ones have it: the width of a head follows.
        del config["head_dim"]
    rope = {"rope_theta": theta, **({"rope_scaling": scaling} if scaling else {})}
    write_json(folder / "config.json", {"architectures": [f"{family}ForCausalLM"], **config, **rope, **more, "torch_dtype": "float32"})
    tiny_tokenizer(folder)

    generator = torch.Generator().manual_seed(seed + 10)
    pairs = tiny_pairs(generator)
    with torch.no_grad():
        for pair in pairs:
            pair["log_probs"] = {str(t): rounded(log_probs(model, pair["prompt"], pair["completion"], t)) for t in (1.0, 0.7)}
    lora = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, bias="none", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for key, weight in lora.named_parameters():
            if "lora_" in key:
                weight.copy_(0.3 * torch.randn(weight.shape, generator=generator))
        for pair in pairs:
            pair["log_probs_adapter"] = {str(t): rounded(log_probs(lora, pair["prompt"], pair["completion"], t)) for t in (1.0, 0.7)}
    lora.save_pretrained(folder / "adapter")
    (folder / "adapter/README.md").unlink(missing_ok=True)
    clean_adapter_config(folder / "adapter/adapter_config.json", targets)

    def loss():
        total = 0.0
        for pair in pairs:
            total = total - (torch.tensor(pair["weights"]) * log_probs(lora, pair["prompt"], pair["completion"], 1.0)).sum()
        return total

    trained = {k: v for k, v in lora.named_parameters() if v.requires_grad}
    first = loss()
    first.backward()
    peft_name = lambda key: key.replace(".default", "")
    save_file({peft_name(k): v.grad.clone() for k, v in trained.items()}, folder / "gradients.safetensors")

    optimiser = torch.optim.AdamW(trained.values(), lr=1e-2, weight_decay=0.1)
    steps = []
    for _ in range(3):
        optimiser.zero_grad()
        value = loss()
        value.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimiser.step()
        steps.append({"loss": rounded([value])[0], "gradient_norm": rounded([norm])[0]})
    save_file({k: v.contiguous() for k, v in get_peft_model_state_dict(lora).items()}, folder / "adapter_after_adamw.safetensors")
    reference = {
        "versions": versions(),
        "about": "log_probs: of each completion token, by temperature. loss: minus the sum of weights times log_probs_adapter at temperature 1. "
        "gradients.safetensors: its gradient at the adapter. adamw: three steps of torch.optim.AdamW on it; adapter_after_adamw.safetensors: the result.",
        "pairs": pairs,
        "loss": rounded([first])[0],
        "adamw": {"learning_rate": 1e-2, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "clip_norm": 1.0, "steps": steps},
    }
    write_json(folder / "reference.json", reference)


# Width of a head, theta, max_position_embeddings, YaRN's keys: as models on the hub have them, and what else there can be.
YARN = [
    (128, 1_000_000.0, 32768, {"factor": 4.0, "original_max_position_embeddings": 32768}),
    (128, 5_000_000.0, 40960, {"factor": 2.5, "original_max_position_embeddings": 32768, "attention_factor": 1.1}),
    (64, 10_000.0, 4096, {"factor": 16.0, "beta_fast": 64, "beta_slow": 2}),
    (64, 150_000.0, 131072, {"factor": 32.0, "original_max_position_embeddings": 4096, "truncate": False}),
    (64, 10_000.0, 163840, {"factor": 40.0, "original_max_position_embeddings": 4096, "mscale": 1.0, "mscale_all_dim": 0.5}),
    (16, 100.0, 64, {"factor": 1.0, "original_max_position_embeddings": 64}),
    (8, 100.0, 64, {"factor": 4.0, "original_max_position_embeddings": 8, "beta_fast": 1.2, "beta_slow": 0.1}),
]


def yarn_frequencies():
    """yarn.json: frequencies and attention factor as transformers computes them."""
    import transformers
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    entries = []
    for width, theta, positions, keys in YARN:
        rope = {"rope_type": "yarn", "rope_theta": theta, **keys}
        config = transformers.LlamaConfig(
            hidden_size=2 * width, num_attention_heads=2, head_dim=width, max_position_embeddings=positions, rope_parameters=dict(rope)
        )
        frequencies, factor = ROPE_INIT_FUNCTIONS["yarn"](config, "cpu")
        entry = {"head_dim": width, "max_position_embeddings": positions, "rope_parameters": rope}
        entries.append({**entry, "frequencies": rounded(frequencies), "attention_factor": factor})
    write_json(FIXTURES / "yarn.json", {"versions": versions(), "entries": entries})


def clean_adapter_config(path, targets):
    """peft writes its targets in the order of a set, which changes from run to run."""
    config = json.loads(path.read_text())
    config["target_modules"] = targets
    config["base_model_name_or_path"] = None
    write_json(path, config)


# ---------------------------------------------------------------------------------------------------------------- kernels

EPSILON, THETA, TEMPERATURE, RANK, LORA_SCALE = 1e-5, 10_000.0, 0.7, 3, 2.0
QUERY_HEADS, KEY_HEADS, HEAD_WIDTH = 6, 2, 10
# Rows of `qkv` that make up each text: a prompt of four with two completions, and a prompt of six with one. The last token of a completion is no input.
TEXTS = [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 7, 8], [9, 10, 11, 12, 13, 14, 15]]


def turned(x):
    """Rotary embedding of `x` [.., positions, width], row i at position i."""
    import torch

    half = x.shape[-1] // 2
    frequencies = 1.0 / THETA ** (2 * torch.arange(half) / x.shape[-1])
    angles = torch.arange(x.shape[-2])[:, None] * frequencies
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)


def attended(qkv):
    import torch

    out = [None] * len(qkv)
    for text in TEXTS:
        heads = qkv[text].reshape(len(text), -1, HEAD_WIDTH).transpose(0, 1)
        queries, keys, values = heads.split([QUERY_HEADS, KEY_HEADS, KEY_HEADS])
        rows = torch.nn.functional.scaled_dot_product_attention(turned(queries)[None], turned(keys)[None], values[None], is_causal=True, enable_gqa=True)
        for row, value in zip(text, rows[0].transpose(0, 1).reshape(len(text), -1)):
            out[row] = value if out[row] is None else out[row]
    return torch.stack(out)


def projected(x, flat, norm, weights):
    """LoRA on every layer: A of all, then B of all, in one flat buffer."""
    import torch
    from torch.nn.functional import linear, rms_norm

    x, at, out = rms_norm(x, norm.shape, norm, EPSILON), RANK * x.shape[1] * len(weights), []
    for i, weight in enumerate(weights):
        a = flat[i * RANK * x.shape[1] :][: RANK * x.shape[1]].reshape(RANK, -1)
        b = flat[at : at + len(weight) * RANK].reshape(-1, RANK)
        at += len(weight) * RANK
        out.append(linear(x, weight) + LORA_SCALE * linear(linear(x, a), b))
    return torch.cat(out, 1)


def kernels():
    import torch
    from safetensors.torch import save_file
    from torch.nn.functional import linear, rms_norm, silu

    generator = torch.Generator().manual_seed(40)
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    tensors = {}

    def add(name, inputs, compute, **more):
        inputs = [x.requires_grad_() for x in inputs]
        out = compute(*inputs)
        d_out = normal(*out.shape)
        gradients = torch.autograd.grad(out, inputs, d_out)
        parts = {"out": out, "d_out": d_out, **more}
        for i, (x, gradient) in enumerate(zip(inputs, gradients)):
            parts |= {f"in{i}": x, f"d_in{i}": gradient}
        tensors.update({f"{name}.{part}": value.detach().float().contiguous() for part, value in parts.items()})

    weight = normal(27)
    add("norm", [normal(5, 27)], lambda x: rms_norm(x, (27,), weight, EPSILON), weight=weight)
    add("swiglu", [normal(5, 22)], lambda x: silu(x[:, :11]) * x[:, 11:])
    add("rotary", [normal(9, 10)], turned)
    add("attention", [normal(16, (QUERY_HEADS + 2 * KEY_HEADS) * HEAD_WIDTH)], attended)
    for kind, rounded_to in [("f32", torch.float32), ("bf16", torch.bfloat16)]:
        norm, weights = normal(27), [(0.3 * normal(n, 27)).to(rounded_to).float() for n in (20, 9)]
        add(f"projection-{kind}", [normal(7, 27), normal(RANK * (2 * 27 + 29))], lambda x, flat: projected(x, flat, norm, weights),
            norm=norm, weight0=weights[0], weight1=weights[1])
        norm, weight, tokens = normal(27), (0.3 * normal(71, 27)).to(rounded_to).float(), torch.randint(71, (7,), generator=generator)
        add(f"head-{kind}", [normal(7, 27)],
            lambda x: torch.log_softmax(linear(rms_norm(x, (27,), norm, EPSILON), weight) / TEMPERATURE, -1).gather(1, tokens[:, None])[:, 0],
            norm=norm, weight=weight, tokens=tokens)
    save_file(tensors, FIXTURES / "kernels.safetensors", metadata={"versions": json.dumps(versions())})


# ---------------------------------------------------------------------------------------------------------------- real model

PROMPTS = [
    ("What is the capital of France?", "The capital of France is Paris."),
    ("Write one sentence about the sea.", "The sea breathes in and out, and the shore keeps count."),
    ("Explain why the sky is blue.", "Air scatters short, blue waves of sunlight far more than long, red ones."),
    ("Give me 3 uses for a paperclip.", "1. Hold papers\n2. Reset a phone\n3. Mark a page"),
    ("Übersetze „Guten Morgen“ ins Englische.", "“Good morning” 🙂"),
    ("Rewrite this prompt so that the answer is warm and kind: how do I boil an egg", "Could you lovingly walk me through boiling a perfect egg?"),
]


def reference(model_folder, out):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="eager").eval()
    entries = []
    with torch.no_grad():
        for prompt, completion in PROMPTS:
            messages = [{"role": "user", "content": prompt}]
            ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
            tokens = tokenizer.encode(completion, add_special_tokens=False) + [tokenizer.eos_token_id]
            greedy = model.generate(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=24, do_sample=False
            )[0, len(ids) :]
            entries.append({
                "prompt": prompt, "completion": completion, "prompt_tokens": ids, "completion_tokens": tokens,
                "log_probs": {str(t): rounded(log_probs(model, ids, tokens, t)) for t in (1.0, 0.7)},
                "greedy_tokens": greedy.tolist(), "greedy_text": tokenizer.decode(greedy, skip_special_tokens=True),
                "greedy_log_probs": rounded(log_probs(model, ids, greedy.tolist(), 1.0)),
            })
            print(prompt, "->", entries[-1]["greedy_text"])
    write_json(Path(out), {"versions": versions(), "entries": entries})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("tiny")
    commands.add_parser("rewards")
    commands.add_parser("kernels")
    commands.add_parser("gguf")
    commands.add_parser("tokenizer").add_argument("model")
    real = commands.add_parser("reference")
    real.add_argument("model")
    real.add_argument("out")
    arguments = parser.parse_args()
    if arguments.command == "tiny":
        for name in FAMILIES:
            tiny(name)
        yarn_frequencies()
    elif arguments.command == "rewards":
        for name in ("llama3", "mistral", "qwen2", "qwen3", "phi3"):
            reward_model(name)
    elif arguments.command == "kernels":
        kernels()
    elif arguments.command == "reference":
        reference(arguments.model, arguments.out)
    else:
        import fixtures_import

        if arguments.command == "gguf":
            fixtures_import.gguf_files(FIXTURES / "import")
        else:
            fixtures_import.smollm2_tokens(arguments.model, FIXTURES / "smollm2-tokens.json")


if __name__ == "__main__":
    main()
