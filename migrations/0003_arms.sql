-- What a run trains is no longer the prompter alone (arm 'tuned'): the frozen model itself ('oracle') and the rounds of a search for an
-- instruction ('instruction') are kept in the same tables, each arm by itself. What was there before is the prompter's.
-- The tables are built anew: SQLite cannot alter a key. All that refer to one another are, so the old ones step aside first.
ALTER TABLE iterations RENAME TO iterations_old;
ALTER TABLE iteration_metrics RENAME TO iteration_metrics_old;
ALTER TABLE episodes RENAME TO episodes_old;
ALTER TABLE checkpoints RENAME TO checkpoints_old;
ALTER TABLE checkpoint_parts RENAME TO checkpoint_parts_old;

CREATE TABLE iterations (
    run           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    arm           TEXT    NOT NULL CHECK (arm IN ('tuned', 'oracle', 'instruction')),
    iteration     INTEGER NOT NULL CHECK (iteration >= 1),
    started_at_ms INTEGER NOT NULL,
    seconds       REAL    NOT NULL,
    PRIMARY KEY (run, arm, iteration)
) STRICT, WITHOUT ROWID;
INSERT INTO iterations SELECT run, 'tuned', iteration, started_at_ms, seconds FROM iterations_old;

-- NULL stands for a number that was not finite.
CREATE TABLE iteration_metrics (
    run       INTEGER NOT NULL,
    arm       TEXT    NOT NULL,
    iteration INTEGER NOT NULL,
    name      TEXT    NOT NULL CHECK (name <> ''),
    value     REAL,
    PRIMARY KEY (run, arm, iteration, name),
    FOREIGN KEY (run, arm, iteration) REFERENCES iterations (run, arm, iteration) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
-- The old index goes before, so that the new rows take its pages, and the new one comes after, when it can be sorted at once.
DROP INDEX metric_series;
INSERT INTO iteration_metrics SELECT run, 'tuned', iteration, name, value FROM iteration_metrics_old;
DROP TABLE iteration_metrics_old;
-- A curve (one metric of one arm over all iterations) is one range of this index.
CREATE INDEX metric_series ON iteration_metrics (run, arm, name, iteration, value);

-- `reward_parts` is a JSON object from label to unweighted part; null stands for a part that was not finite.
CREATE TABLE episodes (
    run               INTEGER NOT NULL,
    arm               TEXT    NOT NULL,
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
    PRIMARY KEY (run, arm, iteration, position),
    FOREIGN KEY (run, arm, iteration) REFERENCES iterations (run, arm, iteration) ON DELETE CASCADE
) STRICT;

-- What `resume` needs: the newest checkpoint of each arm of a run. Iteration 0 is the untrained adapter.
CREATE TABLE checkpoints (
    run           INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    arm           TEXT    NOT NULL CHECK (arm IN ('tuned', 'oracle', 'instruction')),
    iteration     INTEGER NOT NULL CHECK (iteration >= 0),
    created_at_ms INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (json_valid(state)),
    -- Of the part 'best', where there is one: what is tested is then not the newest.
    best_iteration INTEGER CHECK (best_iteration >= 0),
    PRIMARY KEY (run, arm)
) STRICT;
INSERT INTO checkpoints SELECT run, 'tuned', iteration, created_at_ms, state, NULL FROM checkpoints_old;

-- Its large parts, alone in their rows: SQLite overwrites a row of unchanged length in place, in less than half the time.
CREATE TABLE checkpoint_parts (
    run   INTEGER NOT NULL,
    arm   TEXT    NOT NULL,
    name  TEXT    NOT NULL CHECK (name IN ('adapter', 'optimiser', 'best')),
    bytes BLOB    NOT NULL,
    PRIMARY KEY (run, arm, name),
    FOREIGN KEY (run, arm) REFERENCES checkpoints (run, arm) ON DELETE CASCADE
) STRICT;

-- Episodes and adapters are nearly all of a file. They are moved run by run, each into the pages that the one before left, so that the file
-- does not double. A trigger is SQL's loop.
CREATE TEMP TABLE unmoved AS SELECT run FROM episodes_old UNION SELECT run FROM checkpoint_parts_old;
CREATE TEMP TRIGGER move AFTER DELETE ON unmoved BEGIN
    INSERT INTO episodes
    SELECT run, 'tuned', iteration, position, prompt_index, prompt, rewrite, answer, reward, reward_parts, kl, advantage, closeness,
        rewrite_tokens, answer_tokens, rewrite_truncated, answer_truncated, rewrite_seed, answer_seed
    FROM episodes_old WHERE run = OLD.run ORDER BY iteration, position;
    DELETE FROM episodes_old WHERE run = OLD.run;
    INSERT INTO checkpoint_parts SELECT run, 'tuned', name, bytes FROM checkpoint_parts_old WHERE run = OLD.run;
    DELETE FROM checkpoint_parts_old WHERE run = OLD.run;
END;
DELETE FROM unmoved;
DROP TABLE unmoved;
DROP TABLE episodes_old;
DROP TABLE checkpoint_parts_old;
DROP TABLE iterations_old;
DROP TABLE checkpoints_old;
