#!/usr/bin/env python3
"""Holds a run's exported adapter against Python's peft: log rho - log rho_sft of test rewrites must be what the database says.

    python -m venv venv && venv/bin/pip install torch transformers peft
    alignpro adapter RUN PEFT_FOLDER
    venv/bin/python scripts/check_peft.py RUNS.db RUN PEFT_FOLDER MODEL_FOLDER

Only rewrites whose text becomes the same number of tokens again are compared: others were drawn in other tokens than a tokenizer gives.
Prints each sum over a rewrite's tokens from both sides; exits 1 if any differs by more than 1e-3.
"""
import json
import sqlite3
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

database, run, adapter, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
rows = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
(spec,) = rows.execute("SELECT specs.spec FROM specs JOIN runs ON runs.spec_hash = specs.hash WHERE runs.id = ?", (run,)).fetchone()
prompter = json.loads(spec)["prompter"]
before, after = prompter.get("rewrite_template", "{output}").split("{output}")
tokenizer = AutoTokenizer.from_pretrained(folder)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), adapter).eval()


def output_of(prompt, rewrite):
    """What the prompter wrote: the rewrite without what the template put around it."""
    head, tail = before.replace("{prompt}", prompt).lstrip(), after.replace("{prompt}", prompt).rstrip()
    return rewrite.removeprefix(head).removesuffix(tail)


@torch.no_grad()
def log_prob(prompt, rewrite):
    tokens = prompt + rewrite
    scores = torch.log_softmax(model(torch.tensor([tokens])).logits[0] / prompter["temperature"], -1)
    return sum(scores[i - 1, tokens[i]].item() for i in range(len(prompt), len(tokens)))


compared, worst = 0, 0.0
query = """SELECT prompt, rewrite, kl, rewrite_tokens, rewrite_truncated FROM evaluation_answers
           WHERE run = ? AND arm = 'tuned' AND split = 'test' ORDER BY prompt_index, answer_index LIMIT 24"""
for prompt, rewrite, ours, length, is_cut in rows.execute(query, (run,)):
    message = [{"role": "user", "content": prompter["meta_prompt"].replace("{prompt}", prompt)}]
    text = tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
    question = tokenizer(text, add_special_tokens=False).input_ids
    answer = tokenizer(output_of(prompt, rewrite), add_special_tokens=False).input_ids
    is_closed = answer and any(text in tokenizer.decode(answer[-1:]) for text in prompter.get("ends_after", []))
    answer += [tokenizer.eos_token_id] * (not is_cut and not is_closed)
    if len(answer) != length:
        continue
    theirs = log_prob(question, answer)
    with model.disable_adapter():
        theirs -= log_prob(question, answer)
    compared, worst = compared + 1, max(worst, abs(ours - theirs))
    print(f"{length:3} tokens  here {ours:10.5f}  peft {theirs:10.5f}  difference {ours - theirs:+.1e}")
print(f"{compared} rewrites compared, largest difference {worst:.1e}")
# Trimmed white space can make other tokens of the same text; most rewrites have none.
sys.exit(0 if compared >= 8 and worst <= 1e-3 else 1)
