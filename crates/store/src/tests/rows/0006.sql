-- What the sixth version added: system prompts.
INSERT INTO evaluation_answers VALUES
    (1, 'test', 1, 'tuned', 2, 0, 'When?', 'When, please?', 'Now!', 0.5, '{"sentiment":0.5}', 0.5, 0.9, 4, 2, 0, 0, 8, 9, 4, 'Be brief.');
