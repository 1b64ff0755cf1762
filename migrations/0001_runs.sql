-- Runs and all that they found. Times are milliseconds since 1970 (UTC); JSON columns are text that SQLite has checked.
-- Migrations are append-only: a released file is never edited, since its checksum is kept in every database it made.

-- Specs by the SHA-256 of their canonical JSON; runs of one experiment share a row.
CREATE TABLE specs (
    hash TEXT PRIMARY KEY CHECK (hash <> ''),
    spec TEXT NOT NULL CHECK (json_valid(spec))
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: the number of a deleted run is never given to another.
CREATE TABLE runs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('created', 'running', 'stopped', 'interrupted', 'failed', 'finished')),
    message         TEXT,
    spec_hash       TEXT    NOT NULL REFERENCES specs (hash),
    program_version TEXT    NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    started_at_ms   INTEGER,
    finished_at_ms  INTEGER,
    stop_requested  INTEGER NOT NULL DEFAULT 0 CHECK (stop_requested IN (0, 1))
) STRICT;
CREATE INDEX runs_by_spec ON runs (spec_hash);

-- Checksums of models and data, the machine.
CREATE TABLE run_facts (
    run   INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key   TEXT    NOT NULL CHECK (key <> ''),
    value TEXT    NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE iterations (
    run           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    iteration     INTEGER NOT NULL CHECK (iteration >= 1),
    started_at_ms INTEGER NOT NULL,
    seconds       REAL    NOT NULL,
    PRIMARY KEY (run, iteration)
) STRICT, WITHOUT ROWID;

-- NULL stands for a number that was not finite.
CREATE TABLE iteration_metrics (
    run       INTEGER NOT NULL,
    iteration INTEGER NOT NULL,
    name      TEXT    NOT NULL CHECK (name <> ''),
    value     REAL,
    PRIMARY KEY (run, iteration, name),
    FOREIGN KEY (run, iteration) REFERENCES iterations (run, iteration) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
-- A curve (one metric over all iterations) is one range of this index.
CREATE INDEX metric_series ON iteration_metrics (run, name, iteration, value);

-- `reward_parts` is a JSON object from label to unweighted part; null stands for a part that was not finite.
CREATE TABLE episodes (
    run               INTEGER NOT NULL,
    iteration         INTEGER NOT NULL,
    position          INTEGER NOT NULL CHECK (position >= 0),
    prompt_index      INTEGER NOT NULL CHECK (prompt_index >= 0),
    prompt            TEXT    NOT NULL,
    rewrite           TEXT    NOT NULL,
    answer            TEXT    NOT NULL,
    reward            REAL,
    reward_parts      TEXT    NOT NULL CHECK (json_valid(reward_parts)),
    kl                REAL,
    advantage         REAL,
    closeness         REAL,
    rewrite_tokens    INTEGER NOT NULL CHECK (rewrite_tokens >= 0),
    answer_tokens     INTEGER NOT NULL CHECK (answer_tokens >= 0),
    rewrite_truncated INTEGER NOT NULL CHECK (rewrite_truncated IN (0, 1)),
    answer_truncated  INTEGER NOT NULL CHECK (answer_truncated IN (0, 1)),
    rewrite_seed      INTEGER NOT NULL CHECK (rewrite_seed >= 0),
    answer_seed       INTEGER NOT NULL CHECK (answer_seed >= 0),
    PRIMARY KEY (run, iteration, position),
    FOREIGN KEY (run, iteration) REFERENCES iterations (run, iteration) ON DELETE CASCADE
) STRICT;

-- Everything that only a rewrite has is NULL in the raw arm.
CREATE TABLE evaluation_answers (
    run               INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    split             TEXT    NOT NULL CHECK (split IN ('validation', 'test')),
    iteration         INTEGER NOT NULL CHECK (iteration >= 0),
    arm               TEXT    NOT NULL CHECK (arm <> ''),
    prompt_index      INTEGER NOT NULL CHECK (prompt_index >= 0),
    answer_index      INTEGER NOT NULL CHECK (answer_index >= 0),
    prompt            TEXT    NOT NULL,
    rewrite           TEXT,
    answer            TEXT    NOT NULL,
    reward            REAL,
    reward_parts      TEXT    NOT NULL CHECK (json_valid(reward_parts)),
    kl                REAL,
    closeness         REAL,
    rewrite_tokens    INTEGER CHECK (rewrite_tokens >= 0),
    answer_tokens     INTEGER NOT NULL CHECK (answer_tokens >= 0),
    rewrite_truncated INTEGER CHECK (rewrite_truncated IN (0, 1)),
    answer_truncated  INTEGER NOT NULL CHECK (answer_truncated IN (0, 1)),
    rewrite_seed      INTEGER CHECK (rewrite_seed >= 0),
    answer_seed       INTEGER NOT NULL CHECK (answer_seed >= 0),
    PRIMARY KEY (run, split, iteration, arm, prompt_index, answer_index)
) STRICT;

-- What `resume` needs: the newest checkpoint of each run. Iteration 0 is the untrained adapter.
CREATE TABLE checkpoints (
    run           INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    iteration     INTEGER NOT NULL CHECK (iteration >= 0),
    created_at_ms INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (json_valid(state))
) STRICT;

-- Its large parts, alone in their rows: SQLite overwrites a row of unchanged length in place, in less than half the time.
CREATE TABLE checkpoint_parts (
    run   INTEGER NOT NULL REFERENCES checkpoints (run) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (name IN ('adapter', 'optimiser')),
    bytes BLOB    NOT NULL,
    PRIMARY KEY (run, name)
) STRICT;

-- AUTOINCREMENT: sequence numbers only grow, so "everything after n" misses nothing.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    run      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    at_ms    INTEGER NOT NULL,
    event    TEXT    NOT NULL CHECK (json_valid(event))
) STRICT;
CREATE INDEX events_by_run ON events (run, sequence);

CREATE TABLE reports (
    run           INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    created_at_ms INTEGER NOT NULL,
    report        TEXT    NOT NULL CHECK (json_valid(report))
) STRICT;
