-- What the fifth version added: clusters of prompts.
INSERT INTO evaluation_answers VALUES
    (1, 'test', 1, 'tuned', 1, 0, 'How?', 'How, please?', 'So!', 0.5, '{"sentiment":0.5}', 0.5, 0.9, 4, 2, 0, 0, 8, 9, 3);
