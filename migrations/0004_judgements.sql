-- What judges said of two arms' answers to the test prompts. A judge is a model that is asked after a run (docs/algorithms/judge.md).

-- Who was asked, in which words, about which arms; `number` counts from 1 within a run.
CREATE TABLE judgings (
    run           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL CHECK (number >= 1),
    judge         TEXT    NOT NULL CHECK (judge <> ''),
    -- Identity of the model: a checksum of its files.
    checksum      TEXT    NOT NULL CHECK (checksum <> ''),
    engine        TEXT    NOT NULL,
    template      TEXT    NOT NULL,
    template_hash TEXT    NOT NULL CHECK (template_hash <> ''),
    arm           TEXT    NOT NULL CHECK (arm <> ''),
    baseline      TEXT    NOT NULL CHECK (baseline <> '' AND baseline <> arm),
    began_at_ms   INTEGER NOT NULL,
    PRIMARY KEY (run, number),
    UNIQUE (run, checksum, engine, template_hash, arm, baseline)
) STRICT;

-- A pair of answers, judged in both orders: `arm_first` is the verdict where the arm's answer stood first. What the judge wrote is NULL where
-- it was not asked, and empty where it was left out when the run was shared.
CREATE TABLE judgements (
    run             INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    prompt_index    INTEGER NOT NULL CHECK (prompt_index >= 0),
    answer_index    INTEGER NOT NULL CHECK (answer_index >= 0),
    arm_first       TEXT    NOT NULL CHECK (arm_first IN ('first', 'second', 'tie', 'unparsed', 'too_long')),
    arm_second      TEXT    NOT NULL CHECK (arm_second IN ('first', 'second', 'tie', 'unparsed', 'too_long')),
    arm_first_text  TEXT,
    arm_second_text TEXT,
    at_ms           INTEGER NOT NULL,
    PRIMARY KEY (run, number, prompt_index, answer_index),
    FOREIGN KEY (run, number) REFERENCES judgings (run, number) ON DELETE CASCADE
) STRICT;
