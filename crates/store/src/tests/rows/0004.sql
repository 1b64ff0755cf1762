-- What the fourth version added: judges.
INSERT INTO judgings VALUES
    (1, 1, 'a judge', 'abc', 'an engine', 'Which of {first} and {second} is better?', 'def', 'tuned', 'raw', 1700000000009);
INSERT INTO judgements VALUES
    (1, 1, 0, 0, 'first', 'tie', 'A', 'tie', 1700000000010), (1, 1, 1, 0, 'too_long', 'too_long', NULL, NULL, 1700000000011);
