-- What the second version added.
UPDATE runs SET uid = 'the same everywhere', notes = 'To be looked at.', archived = 1 WHERE id = 1;
INSERT INTO run_tags VALUES (1, 'paper');
