-- What a person adds to a run, runs that wait in a worker's queue, and a name for a run that is the same in every database.
-- `runs` is built anew: SQLite cannot alter a CHECK. Rows of other tables find it by its name.
CREATE TABLE runs_new (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The same wherever the run is copied to: who merges a file twice gets nothing twice.
    uid             TEXT    NOT NULL UNIQUE CHECK (uid <> ''),
    name            TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('created', 'waiting', 'running', 'stopped', 'interrupted', 'failed', 'finished')),
    message         TEXT,
    spec_hash       TEXT    NOT NULL REFERENCES specs (hash),
    program_version TEXT    NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    started_at_ms   INTEGER,
    finished_at_ms  INTEGER,
    stop_requested  INTEGER NOT NULL DEFAULT 0 CHECK (stop_requested IN (0, 1)),
    notes           TEXT    NOT NULL DEFAULT '',
    archived        INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    -- Deleted by a person, who may want it back; it is removed for good later.
    deleted_at_ms   INTEGER
) STRICT;
INSERT INTO runs_new (id, uid, name, status, message, spec_hash, program_version, created_at_ms, started_at_ms, finished_at_ms, stop_requested)
SELECT id, lower(hex(randomblob(16))), name, status, message, spec_hash, program_version, created_at_ms, started_at_ms, finished_at_ms, stop_requested
FROM runs;
-- The number of a run that is gone is still never given to another.
DELETE FROM sqlite_sequence WHERE name = 'runs_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'runs_new', seq FROM sqlite_sequence WHERE name = 'runs';
DROP TABLE runs;
ALTER TABLE runs_new RENAME TO runs;
CREATE INDEX runs_by_spec ON runs (spec_hash);

CREATE TABLE run_tags (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    tag TEXT    NOT NULL CHECK (tag <> ''),
    PRIMARY KEY (run, tag)
) STRICT, WITHOUT ROWID;
