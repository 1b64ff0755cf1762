-- What the third version added: training of other arms.
INSERT INTO iterations VALUES
    (1, 'oracle', 1, 1700000000004, 2.5), (1, 'oracle', 2, 1700000000005, 2.5), (1, 'instruction', 1, 1700000000006, 3.5);
INSERT INTO iteration_metrics VALUES
    (1, 'oracle', 1, 'reward_mean', 0.5), (1, 'oracle', 2, 'reward_mean', 0.75), (1, 'instruction', 1, 'tried', 9.0);
INSERT INTO episodes VALUES
    (1, 'oracle', 2, 0, 7, 'Tell me.', '', 'Yes.', 0.75, '{"sentiment":0.75}', 0.5, 0.25, NULL, 0, 2, 0, 0, 13, 14);
INSERT INTO checkpoints VALUES
    (1, 'oracle', 2, 1700000000007, '{}', 1), (1, 'instruction', 1, 1700000000008, '{"candidates":["Be kind."]}', NULL);
INSERT INTO checkpoint_parts VALUES
    (1, 'oracle', 'adapter', x'0607'), (1, 'oracle', 'optimiser', x'08'), (1, 'oracle', 'best', x'0506'),
    (1, 'instruction', 'adapter', x''), (1, 'instruction', 'optimiser', x'');
