-- Prompts that belong together (of one user, topic, conversation) have the same number; NULL where the spec says of none that they do. Statistics
-- count clusters, and a run is looked at where its data file is not. It is a number, and no name, which might be a person's.
ALTER TABLE evaluation_answers ADD COLUMN cluster INTEGER CHECK (cluster >= 0);
