-- The system prompt that stands before a prompt in the data, which the frozen model was given; NULL where there is none. Empty where texts were left out
-- when the run was shared.
ALTER TABLE evaluation_answers ADD COLUMN system TEXT;
