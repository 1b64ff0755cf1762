#!/usr/bin/env python3
"""Writes crates/datasets/fixtures: small Parquet files in the layouts of public preference data sets, by pyarrow.

    pip install pyarrow==26.0.1 && scripts/fixtures_parquet.py

UltraFeedback (binarised) has `prompt` and conversations in `chosen` and `rejected`; HelpSteer `prompt`, `response` and whole numbers; Orca `system_prompt`,
`question` and `response`. The texts are made up. Compressions, page versions, dictionaries and row groups vary, so that each is read somewhere.
"""
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent.parent / "crates/datasets/fixtures"
N = 60


def prompt(i: int) -> str:
    return f"How do I take care of plant number {i} in winter?\nIt likes the sun. 🌻"


def talk(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def write(name: str, columns: dict[str, pa.Array], **options) -> None:
    pq.write_table(pa.table(columns), HERE / name, **options)


def main() -> None:
    HERE.mkdir(exist_ok=True)
    rows = range(N)
    prompts = [prompt(i) for i in rows]
    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    talks = [pa.array([talk(p, f"{how} {i}.") for i, p in enumerate(prompts)], message) for how in ("Water it", "Burn it")]
    ultra = {"prompt": pa.array(prompts), "chosen": talks[0], "rejected": talks[1], "score_chosen": pa.array([8.5] * N)}
    write("ultrafeedback.parquet", ultra, compression="snappy", row_group_size=25)
    numbers = pa.array([i % 5 for i in rows], pa.int32())
    steer = {"prompt": pa.array(prompts), "response": pa.array([f"Water it {i}." for i in rows]), "helpfulness": numbers}
    write("helpsteer.parquet", steer, compression="zstd", data_page_version="2.0", use_dictionary=False)
    systems = [None if i % 3 == 0 else "You are a gardener." for i in rows]
    orca = {"system_prompt": pa.array(systems), "question": pa.array(prompts, pa.large_string()), "response": pa.array(["So."] * N)}
    write("orca.parquet", orca, compression="gzip", data_page_size=512)
    half = {"prompt": pa.array([None if i == 7 else p for i, p in enumerate(prompts)]), "topic": pa.array([f"topic {i // 6}" for i in rows])}
    write("holes.parquet", half, compression="lz4")
    inner = [{"prompt": p, "about": {"topic": f"topic {i // 6}"}} for i, p in enumerate(prompts)]
    write("nested.parquet", {"id": pa.array(list(rows)), "row": pa.array(inner)}, compression="zstd")
    write("bytes.parquet", {"prompt": pa.array([p.encode() for p in prompts], pa.binary())}, compression="none")


if __name__ == "__main__":
    main()
