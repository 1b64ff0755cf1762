#!/usr/bin/env python3
"""Small models as the hub has them quantised, with the numbers that their weights stand for: crates/inference-mistralrs/tests/fixtures.

FP8 with a scale for each block of a matrix, as DeepSeek's and Qwen3's are published, and NF4 as bitsandbytes itself packs it. Needs torch, safetensors
and bitsandbytes.

Usage: scripts/fixtures_quantised.py
"""
import json
from pathlib import Path

import bitsandbytes.functional as bnb
import torch
from bitsandbytes import __version__ as bitsandbytes_version
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "crates/lm/tests/fixtures"
OUT = ROOT / "crates/inference-mistralrs/tests/fixtures"
# Rows and columns with one scale.
BLOCK = [8, 16]
# The largest number of torch.float8_e4m3fn.
LARGEST = 448.0


def is_packed(name, tensor):
    """Matrices of blocks; embeddings and heads stay as they are."""
    return tensor.ndim == 2 and ".layers." in name


def fp8(weight):
    """In blocks: the packed tensors by the end of their names, and what they stand for."""
    rows, columns = weight.shape
    back, packed = torch.empty_like(weight), torch.empty(weight.shape, dtype=torch.float8_e4m3fn)
    scales = torch.empty(-(-rows // BLOCK[0]), -(-columns // BLOCK[1]))
    for i in range(0, rows, BLOCK[0]):
        for j in range(0, columns, BLOCK[1]):
            part = (slice(i, i + BLOCK[0]), slice(j, j + BLOCK[1]))
            scale = weight[part].abs().max() / LARGEST
            scales[i // BLOCK[0], j // BLOCK[1]] = scale
            packed[part] = (weight[part] / scale).to(torch.float8_e4m3fn)
            back[part] = packed[part].to(torch.float32) * scale
    return {"": packed, "_scale_inv": scales}, back


def nf4(weight):
    packed, state = bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4")
    tensors = {"": packed, **{f".{name}": tensor for name, tensor in state.as_dict(packed=True).items()}}
    return tensors, bnb.dequantize_4bit(packed, state)


FORMS = {
    "fp8": (fp8, {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": BLOCK}),
    "nf4": (nf4, {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "float32"}),
}


def write(family, form):
    source, folder = MODELS / f"tiny-{family}", OUT / f"{family}-{form}"
    folder.mkdir(parents=True, exist_ok=True)
    pack, settings = FORMS[form]
    stored, back = {}, {}
    for name, weight in load_file(source / "model.safetensors").items():
        weight = weight.to(torch.float32)
        tensors, back[name] = pack(weight) if is_packed(name, weight) else ({"": weight}, weight)
        stored.update({name + ending: tensor.contiguous() for ending, tensor in tensors.items()})
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    save_file(back, folder / "dequantised.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": settings}, indent=1) + "\n")


if __name__ == "__main__":
    for family in ("llama3", "qwen2"):
        for form in FORMS:
            write(family, form)
    (OUT / "versions.json").write_text(json.dumps({"torch": torch.__version__, "bitsandbytes": bitsandbytes_version}) + "\n")
