"""Adds to the small models of crates/lm/tests/fixtures (tiny-*, reward-*, deberta-*) what PyTorch computes with them in bf16: bf16.json, and the adapters'
gradients, gradients_bf16.safetensors.

    python -m venv venv && venv/bin/pip install torch transformers peft safetensors
    venv/bin/python scripts/fixtures_bf16.py

`weights`: matrices rounded to bf16, everything else in f32. `products`: what is multiplied with them too, and the products; sums are in f32, backward too.
The last matrix, which gives logits or the score, is multiplied in f32, and a score's is not rounded.
"""

import json
import math

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from fixtures_lm import FIXTURES, log_probs, rounded, versions, write_json

# Of those the figures are in f32 whatever the rest is in.
LAST = ("lm_head", "score", "classifier")


def half(x):
    return x.bfloat16().float()


class Product(torch.autograd.Function):
    @staticmethod
    def forward(context, x, weight):
        context.save_for_backward(weight)
        return half(half(x) @ weight.T)

    @staticmethod
    def backward(context, gradient):
        (weight,) = context.saved_tensors
        return half(half(gradient) @ weight), None


def round_weights(model):
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if weight.ndim == 2 and not key.startswith(("score.", "classifier.")):
                weight.copy_(half(weight))


def round_products(model, ending=""):
    """In all linear layers that are frozen, whose names end so."""
    for key, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and key.endswith(ending) and not key.removesuffix(ending).rstrip(".").endswith(LAST):
            add = (lambda y, bias: y) if layer.bias is None else (lambda y, bias: y + bias)
            layer.forward = lambda x, layer=layer, add=add: add(Product.apply(x, layer.weight), layer.bias)


def decoder(folder):
    pairs = json.loads((folder / "reference.json").read_text())["pairs"]
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval().float()
    round_weights(model)
    lora = PeftModel.from_pretrained(model, folder / "adapter", is_trainable=True).eval()
    of = lambda pair: log_probs(lora, pair["prompt"], pair["completion"], 1.0)
    with torch.no_grad():
        weights = [rounded(of(pair)) for pair in pairs]
    round_products(lora, "base_layer")
    products = [of(pair) for pair in pairs]
    loss = -sum((torch.tensor(pair["weights"]) * values).sum() for pair, values in zip(pairs, products))
    loss.backward()
    save_file(
        {k.replace(".default", ""): v.grad.clone() for k, v in lora.named_parameters() if v.requires_grad}, folder / "gradients_bf16.safetensors"
    )
    about = "Log-probabilities with the adapter, temperature 1. weights: frozen ones rounded to bf16. products: those of projections in bf16 too."
    values = {"weights": weights, "products": [rounded(values.detach()) for values in products]}
    write_json(folder / "bf16.json", {"versions": versions(), "about": about, **values})


def reward_model(folder):
    entries = json.loads((folder / "reference.json").read_text())["entries"]
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval().float()
    kinds = lambda tokens: {}
    if folder.name.startswith("deberta"):
        # Those behind the first [SEP], token 2, are the answer's.
        kinds = lambda tokens: {"token_type_ids": torch.tensor([[int(i > tokens.index(2)) for i in range(len(tokens))]])}

    def scores():
        with torch.no_grad():
            return rounded([model(torch.tensor([entry["tokens"]]), **kinds(entry["tokens"])).logits[0, 0] for entry in entries])

    exact = [entry["score"] for entry in entries]
    assert all(math.isclose(a, b, abs_tol=1e-5) for a, b in zip(scores(), exact)), folder
    round_weights(model)
    weights = scores()
    round_products(model)
    about = "Scores of the entries of reference.json. weights: rounded to bf16. products: those of projections in bf16 too."
    write_json(folder / "bf16.json", {"versions": versions(), "about": about, "weights": weights, "products": scores()})


def main():
    for folder in sorted(path for path in FIXTURES.iterdir() if path.is_dir()):
        if folder.name.startswith("tiny-"):
            decoder(folder)
        elif folder.name.startswith(("reward-", "deberta-")):
            reward_model(folder)


if __name__ == "__main__":
    main()
