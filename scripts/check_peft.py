#!/usr/bin/env python3
"""Holds a run's adapter against Python's peft: log rho - log rho_sft of test rewrites must be what the database says.

    python -m venv venv && venv/bin/pip install torch transformers peft
    venv/bin/python scripts/check_peft.py RUNS.db RUN MODEL_FOLDER

Only rewrites that ended by themselves are compared, and only those whose text becomes the same number of tokens again.
Prints each sum over a rewrite's tokens from both sides; exits 1 if any differs by more than 1e-3.
"""
import json
import sqlite3
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

database, run, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rows = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
(adapter,) = rows.execute("SELECT bytes FROM checkpoint_parts WHERE run = ? AND name = 'adapter'", (run,)).fetchone()
(spec,) = rows.execute("SELECT specs.spec FROM specs JOIN runs ON runs.spec_hash = specs.hash WHERE runs.id = ?", (run,)).fetchone()
prompter = json.loads(spec)["prompter"]
lora = prompter["lora"]
config = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": folder, "r": lora["rank"], "lora_alpha": lora["alpha"],
    "lora_dropout": lora["dropout"], "target_modules": lora["targets"], "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
}
tokenizer = AutoTokenizer.from_pretrained(folder)
with tempfile.TemporaryDirectory() as peft_folder:
    Path(peft_folder, "adapter_model.safetensors").write_bytes(adapter)
    Path(peft_folder, "adapter_config.json").write_text(json.dumps(config))
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, peft_folder).eval()


@torch.no_grad()
def log_prob(prompt, rewrite):
    tokens = prompt + rewrite
    scores = torch.log_softmax(model(torch.tensor([tokens])).logits[0] / prompter["temperature"], -1)
    return sum(scores[i - 1, tokens[i]].item() for i in range(len(prompt), len(tokens)))


compared, worst = 0, 0.0
query = """SELECT prompt, rewrite, kl, rewrite_tokens FROM evaluation_answers
           WHERE run = ? AND arm = 'tuned' AND split = 'test' AND rewrite_truncated = 0 ORDER BY prompt_index, answer_index LIMIT 12"""
for prompt, rewrite, ours, length in rows.execute(query, (run,)):
    message = [{"role": "user", "content": prompter["meta_prompt"].replace("{prompt}", prompt)}]
    text = tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
    question = tokenizer(text, add_special_tokens=False).input_ids
    answer = tokenizer(rewrite, add_special_tokens=False).input_ids + [tokenizer.eos_token_id]
    if len(answer) != length:
        continue
    theirs = log_prob(question, answer)
    with model.disable_adapter():
        theirs -= log_prob(question, answer)
    compared, worst = compared + 1, max(worst, abs(ours - theirs))
    print(f"{length:3} tokens  here {ours:10.5f}  peft {theirs:10.5f}  difference {ours - theirs:+.1e}")
print(f"{compared} rewrites compared, largest difference {worst:.1e}")
sys.exit(0 if compared and worst <= 1e-3 else 1)
